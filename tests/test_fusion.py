"""The passes from `linalg` to `fused` keep the value of every program, and the invariants of their stages."""

import numpy as np
import pytest
from structured_programs import RandomProgram
from xdsl.context import Context
from xdsl.dialects import arith, func, get_all_dialects, tensor
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr
from xdsl.parser import Parser

from dialects.remarks import collect_remarks
from dialects.rt import GemmOp, KernelOp, Rt
from passes.linalg.absorb_sums import AbsorbSumsPass
from passes.linalg.collapse_dims import CollapseDimsPass
from passes.linalg.form_kernels import FormKernelsPass
from passes.linalg.fuse_elementwise import FuseElementwisePass
from passes.linalg.groups import AcyclicGroups
from passes.linalg.pack_operands import PackOperandsPass
from passes.linalg.select_libraries import SelectLibrariesPass
from passes.linalg.split_at_seams import SplitAtSeamsPass
from passes.linalg.split_reductions import SplitReductionsPass
from runtime.reference import interpret

SPLIT = SplitAtSeamsPass(min_points=0, min_width=1)

PIPELINES = {
    "select-libraries": [SelectLibrariesPass(min_products=0)],
    "fuse-elementwise": [FuseElementwisePass()],
    "form-kernels": [FormKernelsPass()],
    "form-and-collapse": [FormKernelsPass(max_serial_points=0), CollapseDimsPass()],
    "all": [SelectLibrariesPass(), FuseElementwisePass(), FormKernelsPass(), CollapseDimsPass()],
    "pack-and-split": [
        FuseElementwisePass(),
        PackOperandsPass(min_reuse=1, min_lanes=2),
        SplitReductionsPass(min_points=2, part_points=1, max_rows=10**9, max_columns=10**9, min_steps=1, wide=8),
        FormKernelsPass(),
        CollapseDimsPass(),
    ],
    "all-eager": [
        SelectLibrariesPass(min_products=0),
        FuseElementwisePass(max_recomputed_ops=100),
        FormKernelsPass(max_serial_points=10**9),
        CollapseDimsPass(),
    ],
    "split-at-seams": [SPLIT],
    "all-split": [FuseElementwisePass(), SPLIT, FormKernelsPass(), CollapseDimsPass()],
    "all-split-eager": [
        FuseElementwisePass(max_recomputed_ops=100),
        SplitAtSeamsPass(min_points=0, min_width=1, max_parts=1000, max_body_ops=10**6, max_recomputed_ops=100),
        FormKernelsPass(max_serial_points=10**9, min_shared_part=10**9),
        CollapseDimsPass(),
    ],
    "all-with-sums": [
        FuseElementwisePass(),
        SplitReductionsPass(min_points=2, part_points=1, max_rows=10**9, max_columns=10**9, min_steps=1, wide=1),
        FormKernelsPass(max_serial_points=0, min_rows=2, min_row_size=2),
        CollapseDimsPass(),
        AbsorbSumsPass(least_bytes=0, least_parts=1, least_row=1),
    ],
    "all-reluctant": [
        FuseElementwisePass(max_recomputed_ops=0, max_body_ops=2),
        FormKernelsPass(max_group_size=2, max_point_bytes=16, search_limit=1),
        CollapseDimsPass(),
    ],
}


def parse(text):
    context = Context()
    for name, factory in get_all_dialects().items():
        context.register_dialect(name, factory)
    context.register_dialect("rt", lambda: Rt)
    return Parser(context, text).parse_module()


def check_fused_stage(module):
    for function in module.ops:
        for op in function.body.block.ops:
            assert isinstance(
                op,
                KernelOp | GemmOp | tensor.CollapseShapeOp | tensor.ExpandShapeOp | arith.ConstantOp | func.ReturnOp,
            ), f"{op.name} lies in no kernel"
            if isinstance(op, arith.ConstantOp):
                assert isinstance(op.value, DenseIntOrFPElementsAttr)


def check_preserved(seed, passes, **options):
    program = RandomProgram(seed, **options)
    program.module.verify()
    before = interpret(program.module, "f", program.arguments)
    for item in passes:
        item.apply(Context(), program.module)
        program.module.verify()
        after = interpret(program.module, "f", program.arguments)
        for old, new in zip(before, after, strict=True):
            np.testing.assert_allclose(new, old, rtol=1e-9, atol=1e-9, equal_nan=True, err_msg=item.name)
    if any(isinstance(item, FormKernelsPass) for item in passes):
        check_fused_stage(program.module)


@pytest.mark.parametrize("name", PIPELINES)
@pytest.mark.parametrize("first_seed", range(0, 40, 10))
def test_passes_keep_the_value_of_random_programs(name, first_seed):
    for seed in range(first_seed, first_seed + 10):
        check_preserved(seed, PIPELINES[name])


@pytest.mark.parametrize("seed", range(10))
def test_passes_keep_the_value_of_programs_with_empty_tensors(seed):
    check_preserved(1000 + seed, PIPELINES["all-eager"], sizes=(0, 1, 2, 3))


@pytest.mark.parametrize("seed", range(4))
def test_passes_keep_the_value_of_large_programs(seed):
    check_preserved(2000 + seed, PIPELINES["all"], num_ops=60)


def reachable(edges, start):
    seen, stack = set(), [start]
    while stack:
        for other in edges[stack.pop()]:
            if other not in seen:
                seen.add(other)
                stack.append(other)
    return seen


@pytest.mark.parametrize("seed", range(30))
def test_groups_stay_acyclic_and_ordered_and_refuse_only_cycles(seed):
    rng = np.random.default_rng(seed)
    graph = AcyclicGroups(search_limit=1000)
    before = []
    for node in range(40):
        own = sorted({int(v) for v in rng.integers(node, size=int(rng.integers(0, 3)))}) if node else []
        before.append(own)
        assert graph.add(iter(own)) == node
        first, second = (graph.find(int(v)) for v in rng.integers(node + 1, size=2))
        if first == second:
            continue
        edges = {graph.find(n): set() for n in range(node + 1)}
        for n in range(node + 1):
            edges[graph.find(n)].update({graph.find(p) for p in before[n]} - {graph.find(n)})
        through = any(
            goal in reachable(edges, middle)
            for start, goal in ((first, second), (second, first))
            for middle in edges[start] - {goal}
        )
        refusal = graph.merge(first, second)
        assert (refusal is not None) == through
        for n in range(node + 1):
            for p in before[n]:
                mine, other = graph.find(n), graph.find(p)
                assert mine == other or graph.position(other) < graph.position(mine)


def test_a_search_that_is_cut_short_refuses():
    graph = AcyclicGroups(search_limit=1)
    first = graph.add([])
    for _ in range(4):
        graph.add([first])
    other = graph.add([])
    last = graph.add([first, other])
    assert graph.merge(first, last) == "the search for a cycle took too long"


PRODUCT = """
func.func @f(%x: tensor<64x32xf32>, %w: tensor<32x10xf32>) -> tensor<64x10xf32> {
  %f = arith.constant dense<0.0> : tensor<64x10xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,
                                        affine_map<(m, n, k) -> (m, n)>],
                       iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<64x32xf32>, tensor<32x10xf32>) outs(%f : tensor<64x10xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %t = arith.mulf %p, %q : f32
    %s = arith.addf %o, %t : f32
    linalg.yield %s : f32
  } -> tensor<64x10xf32>
  func.return %y : tensor<64x10xf32>
}
"""


def test_library_choice_is_a_remark_either_way():
    for item, message in [
        (SelectLibrariesPass(), "64x10x32 f32: BLAS"),
        (
            SelectLibrariesPass(min_products=10**6),
            "64x10x32 f32: generated loops, 20480 products are fewer than 1000000",
        ),
    ]:
        with collect_remarks() as remarks:
            item.apply(Context(), parse(PRODUCT))
        assert [remark.message for remark in remarks] == [message]


@pytest.mark.parametrize("seed", range(10))
def test_a_refused_join_is_a_remark(seed):
    program = RandomProgram(3000 + seed)
    with collect_remarks() as remarks:
        FormKernelsPass(max_group_size=1).apply(Context(), program.module)
    for remark in remarks:
        assert remark.kind == "missed"
        assert "does not join" in remark.message


def test_options_out_of_range_are_errors():
    with pytest.raises(ValueError, match="min-products is -1"):
        SelectLibrariesPass(min_products=-1)
    with pytest.raises(ValueError, match="max-body-ops is 0"):
        FuseElementwisePass(max_body_ops=0)
    with pytest.raises(ValueError, match="max-group-size is 0"):
        FormKernelsPass(max_group_size=0)
