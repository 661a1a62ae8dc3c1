"""Printed names are unique, whatever the values were called."""

import numpy as np
import pytest

import compiler
from compiler.printing import to_text
from compiler.source_ir import make_context, parse_module

NAMES = (
    ("a_0", "a_0_1", "a_1", "a_1_1"),
    ("a", "a", "a_1"),
    ("a_1", "a"),
    ("_1", "_1_2", "a_"),
    ("a_1_2_3", "a_1_2", "a_1", "a"),
)


@pytest.mark.parametrize("names", NAMES, ids="-".join)
def test_module_with_any_names_reads_back(names):
    types = [f"tensor<{i + 1}xf32>" for i in range(len(names))]
    arguments = ", ".join(f"%{i}: {t}" for i, t in enumerate(types))
    text = f"func.func @f({arguments}) {{ func.return }}"
    module = parse_module(make_context(), text, "test")
    for argument, name in zip(module.body.block.first_op.body.block.args, names, strict=True):
        argument.name_hint = name
    printed = to_text(module)
    again = parse_module(make_context(), printed, "test")
    assert to_text(again) == printed


def test_parameters_of_layers_read_back():
    layers = [(np.ones((2, 2)), np.ones(2)) for _ in range(3)]
    text = compiler.jit(lambda params: [w + b for w, b in params]).lower(layers).as_text("tensor")
    assert to_text(parse_module(make_context(), text, "test")) == text
