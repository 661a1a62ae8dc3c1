"""The host function of a program for the GPU: its straight list of operations as a list of calls.

All memory is one allocation on the device, made once: inputs, results, arena, constants. So every view is a known address, and each
launch, product and copy is prepared when the program is built.
"""

import weakref
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import prod
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects import arith, func, memref
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, Float32Type, IntegerAttr, MemRefType, ModuleOp
from xdsl.ir import Attribute, Operation, SSAValue

from dialects import rt
from dialects.errors import InternalError
from runtime.cuda.cublas import Product
from runtime.cuda.driver import Driver, Kernels, Step

Array = NDArray[Any]

_ALIGNMENT = 256


class HostProgram:
    """A host function on a device.

    `module` is at the stage `llvm` of the target `cuda`, `kernels` are those of its GPU module (None if it has none). Call `run` with
    contiguous arrays that have the shapes and dtypes of the function's inputs and results.
    """

    def __init__(self, module: ModuleOp, function: func.FuncOp, kernels: Kernels | None, driver: Driver):
        self._driver = driver
        block = function.body.block
        count = cast(IntegerAttr[Any], function.attributes["rt.num_inputs"]).value.data
        constants = _constants(module)
        layout = _Layout()
        arguments = [layout.add(_byte_count(argument.type)) for argument in block.args]
        places = {name: layout.add(data.nbytes) for name, data in constants.items()}
        with driver.session():
            allocation = driver.allocate(layout.size)
            weakref.finalize(self, allocation.release)
            base = allocation.address
            for name, data in constants.items():
                if data.nbytes:
                    driver.copy_in(base + places[name], data)
            builder = _StepBuilder(driver, kernels, {name: base + place for name, place in places.items()})
            for argument, place in zip(block.args, arguments, strict=True):
                builder.addresses[argument] = base + place
            for op in block.ops:
                builder.add(op)
        has_arena = "rt.peak_lower_bound" in function.attributes
        addresses = [base + place for place in arguments[: len(arguments) - has_arena]]
        self._inputs, self._outputs = addresses[:count], addresses[count:]
        self._steps = builder.steps
        self.device_bytes = layout.size
        """The bytes on the device."""

    def run(self, inputs: Sequence[Array], outputs: Sequence[Array]) -> None:
        """Compute `outputs` from `inputs`, all contiguous."""
        driver = self._driver
        with driver.session():
            for address, array in zip(self._inputs, inputs, strict=True):
                if array.nbytes:
                    driver.copy_in(address, array)
            for step in self._steps:
                step()
            for address, array in zip(self._outputs, outputs, strict=True):
                if array.nbytes:
                    driver.copy_out(array, address)


class _Layout:
    """Offsets of buffers in one allocation."""

    def __init__(self) -> None:
        self.size = 0

    def add(self, size: int) -> int:
        """Make room for `size` bytes; return where."""
        start = self.size
        self.size += -(-size // _ALIGNMENT) * _ALIGNMENT
        return start


class _StepBuilder:
    """Follows the operations of a host function: views become addresses, actions become steps."""

    def __init__(self, driver: Driver, kernels: Kernels | None, constants: Mapping[str, int]):
        self.driver = driver
        self.kernels = kernels
        self.constants = constants
        self.addresses: dict[SSAValue, int] = {}
        self.numbers: dict[SSAValue, int] = {}
        self.steps: list[Step] = []

    def add(self, op: Operation) -> None:
        """Follow one operation."""
        rule = _RULES.get(type(op))
        if rule is None:
            raise InternalError(
                f"host program: {op.name} has no meaning in a host function; expected launches and views"
            )
        rule(self, op)

    def constant(self, op: arith.ConstantOp) -> None:
        if isinstance(op.value, IntegerAttr):
            self.numbers[op.result] = cast(IntegerAttr[Any], op.value).value.data

    def view(self, op: memref.ViewOp) -> None:
        shift = self.numbers.get(op.byte_shift)
        if shift is None:
            raise InternalError("host program: memref.view at an offset that is no constant")
        self.addresses[op.result] = self.addresses[op.source] + shift

    def same_memory(self, op: Operation) -> None:
        self.addresses[op.results[0]] = self.addresses[op.operands[0]]

    def get_global(self, op: memref.GetGlobalOp) -> None:
        self.addresses[op.memref] = self.constants[op.name_.root_reference.data]

    def launch(self, op: rt.LaunchOp) -> None:
        if self.kernels is None:
            raise InternalError(f"host program: {op.kernel} is launched, but there are no kernels")
        name = op.kernel.nested_references.data[-1].data
        (grid,), (block,) = (cast(Any, op.attributes[key]).get_values() for key in ("rt.grid", "rt.block"))
        pointers = [self.addresses[argument] for argument in op.arguments]
        self.steps.append(self.kernels.launch_step(name, grid, block, pointers))

    def gemm(self, op: rt.GemmOp) -> None:
        assert op.out is not None, "rt.gemm on memrefs has an out operand"
        out = self.addresses[op.out]
        out_shape, k = _shape(op.out), _shape(op.lhs)[-2 if op.trans_lhs is not None else -1]
        if prod(out_shape) == 0:
            return
        if k == 0:
            self.steps.append(partial(self.driver.clear, out, _byte_count(op.out.type)))
            return
        multiply = self.driver.blas().multiply
        self.steps.append(partial(multiply, product_of(op), self.addresses[op.lhs], self.addresses[op.rhs], out))

    def copy(self, op: memref.CopyOp) -> None:
        source, destination, size = (
            self.addresses[op.source],
            self.addresses[op.destination],
            _byte_count(op.source.type),
        )
        if size and source != destination:
            self.steps.append(partial(self.driver.copy, destination, source, size))

    def nothing(self, op: Operation) -> None:
        """The end of the function."""


def product_of(op: rt.GemmOp) -> Product:
    """The product that `rt.gemm` on memrefs asks for; none of its sizes is 0."""
    assert op.out is not None, "rt.gemm on memrefs has an out operand"
    lhs, rhs, out = _shape(op.lhs), _shape(op.rhs), _shape(op.out)
    trans_lhs, trans_rhs = op.trans_lhs is not None, op.trans_rhs is not None
    m, n = out[-2:]
    k = lhs[-2] if trans_lhs else lhs[-1]
    batch = prod(out[:-2])
    if len(lhs) == 3 and len(rhs) == 2 and not trans_lhs:
        # One matrix on the right for all: the batch is more rows.
        m, batch = m * batch, 1
    strides = (m * k * (len(lhs) == 3), k * n * (len(rhs) == 3), m * n) if batch > 1 else (0, 0, 0)
    element_type = cast(MemRefType[Any], op.out.type).element_type
    element: Literal["f32", "f64"] = "f32" if isinstance(element_type, Float32Type) else "f64"
    return Product(element, m, n, k, trans_lhs, trans_rhs, batch, strides)


def _shape(value: SSAValue) -> tuple[int, ...]:
    return cast(MemRefType[Any], value.type).get_shape()


def _byte_count(memref_type: Attribute) -> int:
    """How many bytes a memref takes; an `i1` takes one."""
    shaped = cast(MemRefType[Any], memref_type)
    return prod(shaped.get_shape()) * max(8, shaped.element_type.bitwidth) // 8


def _constants(module: ModuleOp) -> dict[str, Array]:
    """The bytes of the constants of a module, by name."""
    constants: dict[str, Array] = {}
    for op in module.body.block.ops:
        if not isinstance(op, memref.GlobalOp):
            continue
        size = _byte_count(op.type)
        if isinstance(op.initial_value, DenseIntOrFPElementsAttr):
            data = np.frombuffer(cast(DenseIntOrFPElementsAttr[Any], op.initial_value).data.data, np.uint8)
            if data.size != size:  # one element for all
                data = np.tile(data, size // data.size)
        else:
            data = np.zeros(size, np.uint8)
        constants[op.sym_name.data] = data
    return constants


_RULES: dict[type[Operation], Callable[[_StepBuilder, Any], None]] = {
    arith.ConstantOp: _StepBuilder.constant,
    memref.ViewOp: _StepBuilder.view,
    memref.CollapseShapeOp: _StepBuilder.same_memory,
    memref.ExpandShapeOp: _StepBuilder.same_memory,
    memref.CastOp: _StepBuilder.same_memory,
    memref.GetGlobalOp: _StepBuilder.get_global,
    rt.LaunchOp: _StepBuilder.launch,
    rt.GemmOp: _StepBuilder.gemm,
    memref.CopyOp: _StepBuilder.copy,
    func.ReturnOp: _StepBuilder.nothing,
}
