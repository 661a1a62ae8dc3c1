"""Dataclasses of xDSL, whose methods are compiled when they are called, behave as all others do."""

import dataclasses
import inspect
import sys
from types import ModuleType

import pytest

import dialects  # noqa: F401 - makes them lazy

TEXT = """
from dataclasses import dataclass

@dataclass(frozen=True, order=True)
class Point:
    x: int
    y: int = 7

@dataclass(frozen=True)
class Named(Point):
    '''A point with a name.'''
    name: str = "origin"

@dataclass
class Open:
    x: int
"""


@pytest.fixture(params=["xdsl.made_by_a_test", "made_by_a_test"])
def module(request, monkeypatch):
    made = ModuleType(request.param)
    monkeypatch.setitem(sys.modules, request.param, made)
    exec(TEXT, made.__dict__)
    return made


def test_methods_do_what_those_of_dataclasses_do(module):
    for _ in range(2):  # when they are compiled, and afterwards
        point = module.Point(3)
        assert (point.x, point.y) == (3, 7)
        assert point == module.Point(3, 7) != module.Point(3, 8)
        assert point != module.Named(3, 7)
        assert hash(point) == hash(module.Point(x=3))
        assert repr(point) == "Point(x=3, y=7)"
        assert repr(module.Named(1, 2, "a")) == "Named(x=1, y=2, name='a')"
        assert module.Point(2, 9) < point <= module.Point(3, 7)
        with pytest.raises(TypeError):
            _ = point < 3
        with pytest.raises(TypeError, match="missing 1 required positional argument"):
            module.Point()
        with pytest.raises(dataclasses.FrozenInstanceError):
            point.x = 4
        with pytest.raises(dataclasses.FrozenInstanceError):
            del point.x
        opened = module.Open(1)
        opened.x = 2
        assert opened == module.Open(2)
        with pytest.raises(TypeError, match="unhashable"):
            hash(opened)


def test_only_methods_of_xdsl_are_compiled_when_called(module):
    is_lazy = module.__name__.startswith("xdsl.") and sys.version_info < (3, 13)
    assert ("x" not in inspect.signature(module.Point.__init__).parameters) == is_lazy
    module.Point(3)
    assert list(inspect.signature(module.Point).parameters) == ["x", "y"]
    assert module.Point.__init__.__qualname__ == "Point.__init__"
