"""Loops and branches keep their values through every pass from `linalg` to machine code, bit by bit."""

import os

import numpy as np
import pytest
from control_flow_programs import RandomNest
from levels import HOST_VECTOR_BITS, compiled
from simulated_driver import SimulatedDriver

from compiler.cuda import compile_for_cuda
from compiler.options import CompileOptions
from compiler.pipelines import passes_between, run_passes
from runtime.reference import interpret

PROGRAMS = int(os.environ.get("DLC_RANDOM_NESTS", "20"))
"""How many random programs each test tries."""


def check_equal(expected, actual, where):
    for index, (want, got) in enumerate(zip(expected, actual, strict=True)):
        np.testing.assert_array_equal(got, want, f"result {index} {where}")


def check_all_levels(program, where, vector_bits=HOST_VECTOR_BITS):
    program.module.verify()
    expected = interpret(program.module, "f", program.arguments)
    module = program.module.clone()
    for executed in passes_between("linalg", "loops", options=CompileOptions(vector_bits=vector_bits)):
        run_passes(module, [executed])
        module.verify()
        check_equal(expected, interpret(module, "f", program.arguments), f"after {executed.name} of {where}")
    machine = compiled(program.module, {"f": [program.arguments]}, vector_bits, "linalg")
    check_equal(expected, machine["f"][0], f"of machine code of {where}")


@pytest.mark.parametrize("start", range(0, PROGRAMS, 5))
def test_random_nests_keep_their_values(start):
    for seed in range(start, start + 5):
        check_all_levels(RandomNest(seed), f"seed {seed}", (HOST_VECTOR_BITS, 0, 128)[seed % 3])


@pytest.mark.parametrize("seed", range(100, 110))
def test_random_nests_give_their_values_on_the_device(seed):
    program = RandomNest(seed)
    expected = interpret(program.module, "f", program.arguments)
    executable = compile_for_cuda(program.module, "f", stage="linalg", driver=SimulatedDriver(assemble=False))
    for _ in range(2):
        check_equal(expected, executable(program.arguments), f"on the device, seed {seed}")
