"""Where the values of loops and branches lie: nothing is allocated or copied in an iteration that need not be."""

import numpy as np
import pytest
from levels import HOST_VECTOR_BITS, compiled
from test_control_flow_levels import check_all_levels
from xdsl.dialects import memref, scf

from compiler.pipelines import passes_between, run_passes
from compiler.source_ir import make_context, parse_module
from dialects.remarks import collect_remarks
from passes.dlc.convert_dlc_to_linalg import ConvertDlcToLinalgPass


class Program:
    """Functions in `dlc` at the `linalg` stage, with random arguments for `@f`."""

    def __init__(self, text):
        self.module = parse_module(make_context(), text, "test")
        ConvertDlcToLinalgPass().apply(make_context(), self.module)
        rng = np.random.default_rng(0)
        function = next(op for op in self.module.body.block.ops if op.sym_name.data == "f")
        self.arguments = [rng.integers(-9, 9, t.get_shape()) for t in function.function_type.inputs]

    def bufferized(self):
        module = self.module.clone()
        run_passes(module, passes_between("linalg", "bufferized"))
        return module


def in_loops(module, kind):
    """The operations of a kind within loops of host functions."""
    loops = [op for op in module.walk() if isinstance(op, scf.ForOp | scf.WhileOp)]
    return [op for loop in loops for op in loop.walk() if isinstance(op, kind)]


COPIES = (memref.CopyOp, memref.AllocOp)

SCANS = {
    "a sum is computed where it was": (
        """
        func.func private @step(%i: tensor<i64>, %c: tensor<3xi64>, %x: tensor<3xi64>) -> tensor<3xi64> {
          %0 = dlc.add %c, %x : tensor<3xi64>
          func.return %0 : tensor<3xi64>
        }
        func.func @f(%c: tensor<3xi64>, %xs: tensor<5x3xi64>) -> tensor<3xi64> {
          %0 = dlc.scan @step(%c)()(%xs) length 5 : (tensor<3xi64>, tensor<5x3xi64>) -> tensor<3xi64>
          func.return %0 : tensor<3xi64>
        }""",
        0,
    ),
    "two values change places": (
        """
        func.func private @step(%i: tensor<i64>, %a: tensor<3xi64>, %b: tensor<3xi64>) -> (tensor<3xi64>, tensor<3xi64>) {
          %0 = dlc.add %a, %b : tensor<3xi64>
          func.return %b, %0 : tensor<3xi64>, tensor<3xi64>
        }
        func.func @f(%a: tensor<3xi64>) -> (tensor<3xi64>, tensor<3xi64>) {
          %0, %1 = dlc.scan @step(%a, %a)()() length 5 : (tensor<3xi64>, tensor<3xi64>) -> (tensor<3xi64>, tensor<3xi64>)
          func.return %0, %1 : tensor<3xi64>, tensor<3xi64>
        }""",
        2,
    ),
    "what needs all of a value alternates between two buffers": (
        """
        func.func private @step(%i: tensor<i64>, %c: tensor<3xi64>) -> tensor<3xi64> {
          %0 = dlc.reverse %c dims [0] : tensor<3xi64>
          %1 = dlc.add %0, %c : tensor<3xi64>
          func.return %1 : tensor<3xi64>
        }
        func.func @f(%c: tensor<3xi64>) -> tensor<3xi64> {
          %0 = dlc.scan @step(%c)()() length 5 : (tensor<3xi64>) -> tensor<3xi64>
          func.return %0 : tensor<3xi64>
        }""",
        2,
    ),
    "a carried value that is stacked lies in the stack only": (
        """
        func.func private @step(%i: tensor<i64>, %c: tensor<3xi64>, %x: tensor<3xi64>) -> (tensor<3xi64>, tensor<3xi64>) {
          %0 = dlc.add %c, %x : tensor<3xi64>
          func.return %0, %0 : tensor<3xi64>, tensor<3xi64>
        }
        func.func @f(%c: tensor<3xi64>, %xs: tensor<5x3xi64>) -> (tensor<3xi64>, tensor<5x3xi64>) {
          %0, %1 = dlc.scan @step(%c)()(%xs) length 5 reverse
            : (tensor<3xi64>, tensor<5x3xi64>) -> (tensor<3xi64>, tensor<5x3xi64>)
          func.return %0, %1 : tensor<3xi64>, tensor<5x3xi64>
        }""",
        1,
    ),
    "a stack of stacks is written in place": (
        """
        func.func private @inner(%i: tensor<i64>, %c: tensor<i64>, %x: tensor<i64>) -> (tensor<i64>, tensor<i64>) {
          %0 = dlc.add %c, %x : tensor<i64>
          %1 = dlc.mul %0, %i : tensor<i64>
          func.return %0, %1 : tensor<i64>, tensor<i64>
        }
        func.func private @step(%i: tensor<i64>, %c: tensor<i64>, %x: tensor<3xi64>) -> (tensor<i64>, tensor<3xi64>) {
          %0, %1 = dlc.scan @inner(%c)()(%x) length 3 : (tensor<i64>, tensor<3xi64>) -> (tensor<i64>, tensor<3xi64>)
          func.return %0, %1 : tensor<i64>, tensor<3xi64>
        }
        func.func @f(%c: tensor<i64>, %xs: tensor<5x3xi64>) -> (tensor<i64>, tensor<5x3xi64>) {
          %0, %1 = dlc.scan @step(%c)()(%xs) length 5 : (tensor<i64>, tensor<5x3xi64>) -> (tensor<i64>, tensor<5x3xi64>)
          func.return %0, %1 : tensor<i64>, tensor<5x3xi64>
        }""",
        0,
    ),
    "a branch works on the carried value": (
        """
        func.func private @change(%c: tensor<3xi64>) -> tensor<3xi64> {
          %0 = dlc.mul %c, %c : tensor<3xi64>
          func.return %0 : tensor<3xi64>
        }
        func.func private @keep(%c: tensor<3xi64>) -> tensor<3xi64> {
          func.return %c : tensor<3xi64>
        }
        func.func private @step(%i: tensor<i64>, %c: tensor<3xi64>) -> tensor<3xi64> {
          %0 = dlc.case %i [@change, @keep](%c) : (tensor<i64>, tensor<3xi64>) -> tensor<3xi64>
          func.return %0 : tensor<3xi64>
        }
        func.func @f(%c: tensor<3xi64>) -> tensor<3xi64> {
          %0 = dlc.scan @step(%c)()() length 5 : (tensor<3xi64>) -> tensor<3xi64>
          func.return %0 : tensor<3xi64>
        }""",
        0,
    ),
}
"""What a loop does without a copy in it, and how many pointers it carries."""


@pytest.mark.parametrize("name", SCANS)
def test_nothing_is_copied_in_an_iteration(name):
    text, pointers = SCANS[name]
    program = Program(text)
    module = program.bufferized()
    assert not in_loops(module, COPIES), str(module)
    assert max(len(op.results) for op in module.walk() if isinstance(op, scf.ForOp)) == pointers
    check_all_levels(program, name)


@pytest.mark.parametrize("length", [0, 1, 2, 3, 4])
def test_the_last_value_lands_in_the_result_whatever_the_number_of_iterations(length):
    text = SCANS["what needs all of a value alternates between two buffers"][0].replace("length 5", f"length {length}")
    program = Program(text)
    copies = [op for op in program.bufferized().walk() if isinstance(op, memref.CopyOp)]
    assert len(copies) == 1, "only the first value is copied"
    check_all_levels(program, f"length {length}")


HAZARDS = {
    "values that change places in one branch only": """
        func.func private @swap(%a: tensor<3xi64>, %b: tensor<3xi64>) -> (tensor<3xi64>, tensor<3xi64>) {
          func.return %b, %a : tensor<3xi64>, tensor<3xi64>
        }
        func.func private @keep(%a: tensor<3xi64>, %b: tensor<3xi64>) -> (tensor<3xi64>, tensor<3xi64>) {
          func.return %a, %b : tensor<3xi64>, tensor<3xi64>
        }""",
    "values that change places once they are changed in place": """
        func.func private @swap(%a: tensor<3xi64>, %b: tensor<3xi64>) -> (tensor<3xi64>, tensor<3xi64>) {
          %0 = dlc.mul %b, %b : tensor<3xi64>
          %two = dlc.constant dense<2> : tensor<3xi64>
          %1 = dlc.mul %a, %two : tensor<3xi64>
          func.return %0, %1 : tensor<3xi64>, tensor<3xi64>
        }
        func.func private @keep(%a: tensor<3xi64>, %b: tensor<3xi64>) -> (tensor<3xi64>, tensor<3xi64>) {
          func.return %a, %b : tensor<3xi64>, tensor<3xi64>
        }""",
    "a branch that reads all of what it replaces": """
        func.func private @swap(%a: tensor<3xi64>, %b: tensor<3xi64>) -> (tensor<3xi64>, tensor<3xi64>) {
          %0 = dlc.reverse %a dims [0] : tensor<3xi64>
          func.return %0, %b : tensor<3xi64>, tensor<3xi64>
        }
        func.func private @keep(%a: tensor<3xi64>, %b: tensor<3xi64>) -> (tensor<3xi64>, tensor<3xi64>) {
          func.return %a, %b : tensor<3xi64>, tensor<3xi64>
        }""",
    "a value passed on twice": """
        func.func private @swap(%a: tensor<3xi64>, %b: tensor<3xi64>) -> (tensor<3xi64>, tensor<3xi64>) {
          func.return %a, %a : tensor<3xi64>, tensor<3xi64>
        }
        func.func private @keep(%a: tensor<3xi64>, %b: tensor<3xi64>) -> (tensor<3xi64>, tensor<3xi64>) {
          func.return %a, %b : tensor<3xi64>, tensor<3xi64>
        }""",
}


@pytest.mark.parametrize("last", ["@keep", "@swap"])
@pytest.mark.parametrize("name", HAZARDS)
def test_branches_do_not_overwrite_what_they_still_need(name, last):
    main = f"""
        func.func private @step(%i: tensor<i64>, %a: tensor<3xi64>, %b: tensor<3xi64>) -> (tensor<3xi64>, tensor<3xi64>) {{
          %0, %1 = dlc.case %i [@keep, @swap, {last}](%a, %b)
            : (tensor<i64>, tensor<3xi64>, tensor<3xi64>) -> (tensor<3xi64>, tensor<3xi64>)
          func.return %0, %1 : tensor<3xi64>, tensor<3xi64>
        }}
        func.func @f(%a: tensor<3xi64>, %b: tensor<3xi64>) -> (tensor<3xi64>, tensor<3xi64>) {{
          %0, %1 = dlc.scan @step(%a, %b)()() length 4 : (tensor<3xi64>, tensor<3xi64>) -> (tensor<3xi64>, tensor<3xi64>)
          func.return %0, %1 : tensor<3xi64>, tensor<3xi64>
        }}"""
    check_all_levels(Program(HAZARDS[name] + main), name)


SCATTERS = {
    "exchanged": "func.return %b, %0 : tensor<3xi64>, tensor<3xi64>",
    "carried on": "func.return %0, %b : tensor<3xi64>, tensor<3xi64>",
    "dropped": "func.return %0, %0 : tensor<3xi64>, tensor<3xi64>",
}


@pytest.mark.parametrize("target", ["%a", "%k"])
@pytest.mark.parametrize("name", SCATTERS)
def test_a_loop_over_nothing_but_a_scatter_is_still_a_loop(name, target):
    program = Program(
        f"""
        func.func private @step(%i: tensor<i64>, %a: tensor<3xi64>, %b: tensor<3xi64>, %k: tensor<3xi64>, %p: tensor<2x1xi64>)
            -> (tensor<3xi64>, tensor<3xi64>) {{
          %u = dlc.slice %b starts [0] limits [2] strides [1] : tensor<3xi64> -> tensor<2xi64>
          %0 = dlc.scatter "add" {target}, %p, %u dims [0] bounds "clamp"
            : tensor<3xi64>, tensor<2x1xi64>, tensor<2xi64> -> tensor<3xi64>
          {SCATTERS[name]}
        }}
        func.func @f(%a: tensor<3xi64>, %b: tensor<3xi64>, %k: tensor<3xi64>, %p: tensor<2x1xi64>)
            -> (tensor<3xi64>, tensor<3xi64>) {{
          %0, %1 = dlc.scan @step(%a, %b)(%k, %p)() length 3
            : (tensor<3xi64>, tensor<3xi64>, tensor<3xi64>, tensor<2x1xi64>) -> (tensor<3xi64>, tensor<3xi64>)
          func.return %0, %1 : tensor<3xi64>, tensor<3xi64>
        }}"""
    )
    check_all_levels(program, name)


def test_a_stack_lives_as_long_as_the_last_value_in_it():
    program = Program(
        """
        func.func private @step(%i: tensor<i64>, %c: tensor<3xi64>, %x: tensor<3xi64>) -> (tensor<3xi64>, tensor<3xi64>) {
          %0 = dlc.add %c, %x : tensor<3xi64>
          func.return %0, %0 : tensor<3xi64>, tensor<3xi64>
        }
        func.func @f(%c: tensor<3xi64>, %xs: tensor<5x3xi64>) -> (tensor<3xi64>, tensor<3xi64>) {
          %0, %1 = dlc.scan @step(%c)()(%xs) length 5 : (tensor<3xi64>, tensor<5x3xi64>) -> (tensor<3xi64>, tensor<5x3xi64>)
          %2 = dlc.reduce_sum %1 dims [0] : tensor<5x3xi64> -> tensor<3xi64>
          %3, %4 = dlc.scan @step(%2)()(%xs) length 5 : (tensor<3xi64>, tensor<5x3xi64>) -> (tensor<3xi64>, tensor<5x3xi64>)
          %5 = dlc.reduce_max %4 dims [0] : tensor<5x3xi64> -> tensor<3xi64>
          %6 = dlc.mul %0, %5 : tensor<3xi64>
          func.return %6, %3 : tensor<3xi64>, tensor<3xi64>
        }"""
    )
    check_all_levels(program, "two scans")


def test_remarks_say_what_a_loop_does_with_what_it_carries():
    text, _ = SCANS["what needs all of a value alternates between two buffers"]
    with collect_remarks() as remarks:
        Program(text).bufferized()
    assert "carried value 0 (tensor<3xi64>) alternates between two buffers" in [remark.message for remark in remarks]


@pytest.mark.parametrize("element", ["i8", "i64", "ui8", "ui64"])
@pytest.mark.parametrize("branches", ["@zero, @one", "@zero, @one, @two"])
def test_an_index_out_of_range_counts_as_the_nearest_in_range(element, branches):
    dtype = np.dtype(element.replace("i", "int"))
    functions = "".join(
        f"""
        func.func private @{name}() -> tensor<i64> {{
          %0 = dlc.constant dense<{value}> : tensor<i64>
          func.return %0 : tensor<i64>
        }}"""
        for name, value in (("zero", 0), ("one", 1), ("two", 2))
    )
    program = Program(
        f"""{functions}
        func.func @f(%i: tensor<{element}>) -> tensor<i64> {{
          %0 = dlc.case %i [{branches}]() : (tensor<{element}>) -> tensor<i64>
          func.return %0 : tensor<i64>
        }}"""
    )
    limits = np.iinfo(dtype)
    numbers = [np.array(n, dtype) for n in (limits.min, 0, 1, 2, 3, limits.max)]
    results = compiled(program.module, {"f": [[n] for n in numbers]}, HOST_VECTOR_BITS, "linalg")["f"]
    last = branches.count("@") - 1
    assert [int(value) for (value,) in results] == [min(max(int(n), 0), last) for n in numbers]
