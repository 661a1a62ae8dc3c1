"""Dense constants keep infinities and NaN through text."""

import math

import pytest
from xdsl.context import Context
from xdsl.dialects.builtin import Builtin, f32, f64
from xdsl.parser import Parser

from dialects.builder import constant_attribute, tensor_type, vector_type


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, -0.0, 1e-40, 3.0])
@pytest.mark.parametrize("shaped", [vector_type(f32, 4), vector_type(f64, 1), vector_type(f64, 3)])
def test_dense_constant_round_trips(value, shaped):
    context = Context()
    context.load_dialect(Builtin)
    attribute = constant_attribute(value, shaped)
    assert Parser(context, str(attribute)).parse_attribute() == attribute


def test_bits_and_numbers_mix_in_one_list():
    context = Context()
    context.load_dialect(Builtin)
    parsed = Parser(context, "dense<[0x7F800000, 1.0, -2.0]> : tensor<3xf32>").parse_attribute()
    assert list(parsed.get_values()) == [math.inf, 1.0, -2.0]
    assert parsed.type == tensor_type(f32, (3,))
