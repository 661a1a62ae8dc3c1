"""`arith` on vectors verifies and round-trips; wrong shapes are rejected."""

import pytest
from xdsl.context import Context
from xdsl.dialects import arith, builtin, func
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser
from xdsl.utils.exceptions import ParseError, VerifyException

import dialects.builder  # noqa: F401

ARGUMENTS = "%a: vector<8xf32>, %b: vector<8xf32>, %i: vector<8xi32>, %n: vector<8xindex>, %c: i1, %x: f32"


def parse(line: str) -> ModuleOp:
    context = Context()
    for dialect in (builtin.Builtin, arith.Arith, func.Func):
        context.load_dialect(dialect)
    module = Parser(context, f"func.func @f({ARGUMENTS}) {{\n{line}\nfunc.return\n}}").parse_module()
    module.verify()
    return module


@pytest.mark.parametrize(
    "line",
    [
        "%r = arith.cmpf ogt, %a, %b : vector<8xf32>",
        "%r = arith.cmpf ogt, %x, %x : f32",
        "%r = arith.cmpi slt, %i, %i : vector<8xi32>",
        "%r = arith.select %c, %a, %b : vector<8xf32>",
        "%m = arith.cmpi eq, %i, %i : vector<8xi32>\n%r = arith.select %m, %a, %b : vector<8xi1>, vector<8xf32>",
        "%r = arith.select %c, %x, %x : f32",
        "%r = arith.sitofp %i : vector<8xi32> to vector<8xf32>",
        "%r = arith.fptosi %a : vector<8xf32> to vector<8xi32>",
        "%r = arith.extsi %i : vector<8xi32> to vector<8xi64>",
        "%r = arith.trunci %i : vector<8xi32> to vector<8xi1>",
        "%r = arith.index_cast %n : vector<8xindex> to vector<8xi32>",
    ],
)
def test_vector_form_round_trips(line: str):
    text = str(parse(line))
    assert line.splitlines()[-1].split(" = ")[1] in text


@pytest.mark.parametrize(
    "line",
    [
        "%r = arith.select %i, %a, %b : vector<8xf32>",
        "%r = arith.trunci %i : vector<8xi32> to vector<4xi16>",
        "%r = arith.trunci %i : vector<8xi32> to vector<8xi64>",
        "%r = arith.sitofp %a : vector<8xf32> to vector<8xf32>",
        "%r = arith.index_cast %i : vector<8xi32> to vector<8xi64>",
        '%r = "arith.cmpf"(%a, %b) <{predicate = 1 : i64}> : (vector<8xf32>, vector<8xf32>) -> i1',
    ],
)
def test_wrong_types_are_rejected(line: str):
    with pytest.raises((VerifyException, ParseError)):
        parse(line)
