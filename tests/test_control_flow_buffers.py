"""Where the values of loops and branches lie: nothing is allocated or copied in an iteration that need not be."""

import numpy as np
import pytest
from levels import HOST_VECTOR_BITS, compiled
from test_control_flow_levels import check_all_levels, check_equal
from xdsl.dialects import memref, scf

from compiler.cost import cost_of
from compiler.pipelines import IR_STAGES, passes_between, run_passes
from compiler.printing import to_text
from compiler.source_ir import make_context, parse_module
from compiler.stage_detection import stage_of
from dialects.errors import InternalError
from dialects.remarks import collect_remarks
from passes.dlc.convert_dlc_to_linalg import ConvertDlcToLinalgPass
from runtime import native
from runtime.llvm_text import emit_llvm
from runtime.reference import interpret


class Program:
    """Functions in `dlc` at the `linalg` stage, with random arguments for `@f`."""

    def __init__(self, text):
        self.module = parse_module(make_context(), text, "test")
        ConvertDlcToLinalgPass().apply(make_context(), self.module)
        rng = np.random.default_rng(0)
        function = next(op for op in self.module.body.block.ops if op.sym_name.data == "f")
        self.arguments = [rng.integers(-9, 9, t.get_shape()) for t in function.function_type.inputs]

    def bufferized(self):
        """With loops over steps: what points run by themselves has no buffers."""
        module = self.module.clone()
        passes = passes_between("linalg", "bufferized")
        run_passes(module, [executed for executed in passes if executed.name != "interchange-loops"])
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


def test_a_program_can_be_taken_up_from_the_text_of_every_stage():
    program = Program(SCANS["a branch works on the carried value"][0])
    expected = interpret(program.module, "f", program.arguments)
    module = program.module
    for before, stage in zip(IR_STAGES["cpu"][2:], IR_STAGES["cpu"][3:], strict=False):
        run_passes(module, passes_between(before, stage))
        reread = parse_module(make_context(), to_text(module), stage)
        assert stage_of(reread) == stage
        (results,) = compiled(reread, {"f": [program.arguments]}, HOST_VECTOR_BITS, stage)["f"]
        check_equal(expected, results, f"from the text at {stage}")


COSTS = {
    "length 5": 5 * 3,
    "length 0": 0,
}


@pytest.mark.parametrize("length", COSTS)
def test_the_cost_of_a_loop_is_that_of_its_iterations(length):
    text = SCANS["a sum is computed where it was"][0].replace("length 5", length).replace("xi64", "xf32")
    module = Program(text.replace("5x3", f"{length[-1]}x3")).module
    run_passes(module, passes_between("linalg", "fused"))
    assert cost_of(module)["flops"] == COSTS[length]


def test_of_branches_the_largest_cost_counts():
    module = Program(SCANS["a branch works on the carried value"][0].replace("xi64", "xf32")).module
    run_passes(module, passes_between("linalg", "fused"))
    cost = cost_of(module)
    assert (cost["flops"], cost["kernels"]) == (5 * 3, 5 * 1)


def test_kernels_of_loops_are_inlined():
    module = Program(SCANS["what needs all of a value alternates between two buffers"][0]).module
    run_passes(module, passes_between("linalg", "llvm"))
    text = native.emit_llvm_ir(emit_llvm(module))
    assert text.count("define") == 1


@pytest.mark.parametrize(
    ("slice_", "message"),
    [
        ("[0, 1] [1, 2] [1, 1] : tensor<5x3xi64> to tensor<2xi64>", "is not a row"),
        ("[0, 0] [1, 3] [1, 1] : tensor<5x3xi64> to tensor<1x3xi64>", "is not a row"),
    ],
)
def test_other_slices_than_rows_are_refused(slice_, message):
    kept = slice_.rpartition(" to ")[2]
    text = f"""
        func.func @f(%x: tensor<5x3xi64>) -> {kept} {{
          %0 = tensor.extract_slice %x{slice_}
          func.return %0 : {kept}
        }}"""
    with pytest.raises(InternalError, match=message):
        run_passes(parse_module(make_context(), text, "test"), passes_between("linalg", "bufferized"))


def test_a_loop_that_carries_a_number_is_refused():
    text = """
        func.func @f(%x: tensor<3xi64>) -> tensor<3xi64> {
          %c0 = arith.constant 0 : index
          %c1 = arith.constant 1 : index
          %y, %n = scf.for %i = %c0 to %c1 step %c1 iter_args(%a = %x, %b = %c0) -> (tensor<3xi64>, index) {
            scf.yield %a, %b : tensor<3xi64>, index
          }
          func.return %y : tensor<3xi64>
        }"""
    with pytest.raises(InternalError, match="carries index, expected tensors; use tensor"):
        run_passes(parse_module(make_context(), text, "test"), passes_between("linalg", "bufferized"))
