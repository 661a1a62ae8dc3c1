"""The passes from `linalg` to `fused` keep the value of every program, and the invariants of their stages."""

import numpy as np
import pytest
from structured_interpreter import run
from structured_programs import RandomProgram
from xdsl.context import Context
from xdsl.dialects import arith, func, get_all_dialects, tensor
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr
from xdsl.parser import Parser

from dialects.rt import GemmOp, KernelOp, Rt
from passes.linalg.collapse_dims import CollapseDimsPass
from passes.linalg.form_kernels import FormKernelsPass
from passes.linalg.fuse_elementwise import FuseElementwisePass
from passes.linalg.select_libraries import SelectLibrariesPass

PIPELINES = {
    "select-libraries": [SelectLibrariesPass(min_products=0)],
    "fuse-elementwise": [FuseElementwisePass()],
    "form-kernels": [FormKernelsPass()],
    "form-and-collapse": [FormKernelsPass(max_serial_points=0), CollapseDimsPass()],
    "all": [SelectLibrariesPass(), FuseElementwisePass(), FormKernelsPass(), CollapseDimsPass()],
    "all-eager": [
        SelectLibrariesPass(min_products=0),
        FuseElementwisePass(max_recomputed_ops=100),
        FormKernelsPass(max_serial_points=10**9),
        CollapseDimsPass(),
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
    before = run(program.module, "f", program.arguments)
    for item in passes:
        item.apply(Context(), program.module)
        program.module.verify()
        after = run(program.module, "f", program.arguments)
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
