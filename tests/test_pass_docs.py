"""The IR in the docstring of each pass is what the pass does."""

import re
import sys

import pytest
from xdsl.context import Context
from xdsl.dialects import get_all_dialects
from xdsl.parser import Parser

from compiler.universe import DLC_UNIVERSE, get_llvm
from passes import ALL_PASSES, load_pass

EXAMPLE = re.compile(r"\bBefore:\n\n```mlir\n(.*?)```\n\nAfter:\n\n```mlir\n(.*?)```\n", re.DOTALL)


def make_context():
    context = Context()
    for name, factory in {**get_all_dialects(), **DLC_UNIVERSE.all_dialects, "llvm": get_llvm}.items():
        context.register_dialect(name, factory)
    return context


@pytest.mark.parametrize("place", ALL_PASSES)
def test_documented_example_is_what_the_pass_does(place):
    pass_type = load_pass(place)
    example = EXAMPLE.search(sys.modules[pass_type.__module__].__doc__ or "")
    assert example is not None, f"{place} has no example in its docstring"
    context = make_context()
    module = Parser(context, example[1]).parse_module()
    module.verify()
    pass_type().apply(context, module)
    module.verify()
    expected = Parser(context, example[2]).parse_module()
    expected.verify()
    assert module.is_structurally_equivalent(expected), f"the pass gives\n{module}\nand its docstring says\n{expected}"


@pytest.mark.parametrize("place", ALL_PASSES)
def test_docstring_says_what_a_pass_requires_and_ensures(place):
    doc = sys.modules[load_pass(place).__module__].__doc__ or ""
    assert [
        word for word in ("Requires", "Ensures", "Leaves alone") if not re.search(rf"^\*?{word}\b", doc, re.MULTILINE)
    ] == []
