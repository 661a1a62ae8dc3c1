"""Dataclasses of xDSL, whose methods are compiled when they are called, behave as all others do."""

import copy
import dataclasses
import inspect
import pickle
import sys
import threading
from types import ModuleType

import pytest
from xdsl.dialects.builtin import IntegerType, TensorType, f32
from xdsl.ir import core
from xdsl.ir.affine import AffineMap
from xdsl.traits import IsTerminator

import dialects.builder  # noqa: F401 - makes them lazy, before it imports xDSL

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


def test_constructors_have_their_signatures():
    assert list(inspect.signature(dataclasses.make_dataclass("Plain", ["x", "y"])).parameters) == ["x", "y"]
    assert list(inspect.signature(core.Use).parameters) == ["_operation", "_index", "_prev_use", "_next_use"]
    assert list(inspect.signature(TensorType).parameters) == ["element_type", "shape", "encoding"]


def test_only_methods_of_xdsl_are_compiled_when_called(module):
    is_lazy = module.__name__.startswith("xdsl.") and sys.version_info < (3, 13)
    assert ("other" not in inspect.signature(module.Point.__eq__).parameters) == is_lazy
    assert list(inspect.signature(module.Point).parameters) == ["x", "y"]
    assert module.Point(1) != module.Point(2)
    assert list(inspect.signature(module.Point.__eq__).parameters) == ["self", "other"]
    assert module.Point.__eq__.__qualname__ == "Point.__eq__"


@dataclasses.dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Own:
    x: int
    y: int = 7


@dataclasses.dataclass(frozen=True)
class OwnTrait(IsTerminator):
    """A class of a user, derived from one of xDSL."""

    z: int = 0


def test_dataclasses_of_users_are_untouched():
    for kind in (Own, OwnTrait):
        for name in ("__init__", "__repr__", "__eq__", "__hash__", "__setattr__", "__delattr__"):
            assert "created" not in kind.__dict__[name].__code__.co_freevars, name
    assert Own(x=1) < Own(x=2)
    assert repr(Own(x=1)) == "Own(x=1, y=7)"
    assert pickle.loads(pickle.dumps(Own(x=3))) == Own(x=3)
    assert not hasattr(Own(x=1), "__dict__")
    assert OwnTrait(1) == OwnTrait(1) != OwnTrait(2)
    assert OwnTrait(1) != IsTerminator()
    assert hash(OwnTrait(1)) == hash(OwnTrait(1))


def test_what_is_pickled_and_copied_is_equal():
    for value in (TensorType(f32, [2, 3]), IntegerType(8), AffineMap.identity(2)):
        assert copy.deepcopy(value) == value
        assert pickle.loads(pickle.dumps(value)) == value


def test_threads_may_be_the_first_to_call_a_method():
    for _ in range(20):
        made = ModuleType("xdsl.made_by_a_test")
        sys.modules[made.__name__] = made
        exec(TEXT, made.__dict__)
        points = [made.Point(i % 2) for i in range(8)]
        start = threading.Barrier(len(points))
        found: list[tuple[int, str]] = []

        def work(point, found=found, start=start):
            start.wait()
            found.append((hash(point), repr(point)))

        threads = [threading.Thread(target=work, args=(point,)) for point in points]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(found) == sorted((hash(point), repr(point)) for point in points)
        del sys.modules[made.__name__]
