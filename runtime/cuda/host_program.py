"""The host function of a program for the GPU: its operations as calls of the driver.

All memory is one allocation on the device, made once: inputs, results, arena, constants. So in a straight list of operations every
view is a known address, and each launch, product and copy is prepared when the program is built. A function with loops or branches
is followed anew in each call: the host computes positions and reads conditions back from the device.
"""

import weakref
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import prod
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects import arith, func, memref, scf
from xdsl.dialects.builtin import (
    DenseIntOrFPElementsAttr,
    Float32Type,
    FloatAttr,
    IntegerAttr,
    MemRefType,
    ModuleOp,
)
from xdsl.ir import Attribute, Block, Operation, SSAValue

from dialects import rt
from dialects.errors import InternalError
from runtime.cuda.cublas import Product
from runtime.cuda.driver import Driver, Kernels, Step
from runtime.reference.machine import Machine, dtype_of_element
from runtime.reference.scalar_rules import SCALAR_RULES

Array = NDArray[Any]

_ALIGNMENT = 256
_NO_MACHINE = Machine(ModuleOp([]), {})
"""The rules of scalars need no machine but for constants, which `_Host` knows itself."""


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
            computes = any(op.regions or isinstance(op, memref.LoadOp | memref.StoreOp) for op in block.ops)
            steps: list[Step] = []
            do = _call if computes else steps.append
            host = _Host(driver, kernels, {name: base + place for name, place in places.items()}, do)
            for argument, place in zip(block.args, arguments, strict=True):
                host.addresses[argument] = base + place
            if computes:
                steps.append(partial(host.run_block, block))
            else:
                host.run_block(block)
        has_arena = "rt.peak_lower_bound" in function.attributes
        addresses = [base + place for place in arguments[: len(arguments) - has_arena]]
        self._inputs, self._outputs = addresses[:count], addresses[count:]
        self._steps = steps
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


def _call(step: Step) -> None:
    step()


class _Host:
    """Follows the operations of a host function: views become addresses, scalars numbers, and actions steps for `do`.

    With a `do` that keeps the steps for later, operations must be a straight list that computes no numbers.
    """

    def __init__(
        self, driver: Driver, kernels: Kernels | None, constants: Mapping[str, int], do: Callable[[Step], None]
    ):
        self.driver = driver
        self.kernels = kernels
        self.constants = constants
        self.do = do
        self.addresses: dict[SSAValue, int] = {}
        self.numbers: dict[SSAValue, Any] = {}
        self._launches: dict[tuple[Operation, tuple[int, ...]], Step] = {}

    def run_block(self, block: Block) -> Operation:
        """Follow the operations of a block; return its terminator."""
        for op in block.ops:
            if op is block.last_op:
                return op
            rule = _RULES.get(type(op))
            if rule is not None:
                rule(self, op)
            elif type(op) in SCALAR_RULES:
                results = SCALAR_RULES[type(op)](_NO_MACHINE, op, {}, [self.numbers[value] for value in op.operands])
                self.numbers.update(zip(op.results, results, strict=True))
            else:
                raise InternalError(
                    f"host program: {op.name} has no meaning in a host function; expected launches, views and control flow"
                )
        raise InternalError("host program: a block without a terminator")

    def constant(self, op: arith.ConstantOp) -> None:
        if isinstance(op.value, IntegerAttr | FloatAttr):
            self.numbers[op.result] = np.asarray(op.value.value.data).astype(dtype_of_element(op.result.type))

    def view(self, op: memref.ViewOp) -> None:
        self.addresses[op.result] = self.addresses[op.source] + int(self.numbers[op.byte_shift])

    def row(self, op: rt.RowOp) -> None:
        start = int(self.numbers[op.position]) * _byte_count(op.result.type)
        self.addresses[op.result] = self.addresses[op.source] + start

    def load(self, op: memref.LoadOp) -> None:
        """Read one element back from the device, when all steps before are done."""
        element = np.empty(1, _stored_dtype(op.res.type))
        self.driver.copy_out(element, self._element(op.memref, op.indices))
        self.numbers[op.res] = element[0].astype(dtype_of_element(op.res.type))

    def store(self, op: memref.StoreOp) -> None:
        element = np.full(1, self.numbers[op.value], _stored_dtype(op.value.type))
        self.driver.copy_in(self._element(op.memref, op.indices), element)

    def _element(self, memory: SSAValue, indices: Sequence[SSAValue]) -> int:
        """The address of an element."""
        memref_type = cast(MemRefType[Any], memory.type)
        position = 0
        for index, size in zip(indices, memref_type.get_shape(), strict=True):
            position = position * size + int(self.numbers[index])
        return self.addresses[memory] + position * _stored_dtype(memref_type.element_type).itemsize

    def loop(self, op: scf.ForOp) -> None:
        body = op.body.block
        carried = [self.addresses[value] for value in op.iter_args]
        for position in range(*(int(self.numbers[bound]) for bound in (op.lb, op.ub, op.step))):
            self.numbers[body.args[0]] = np.asarray(position, dtype_of_element(op.lb.type))
            self.addresses.update(zip(body.args[1:], carried, strict=True))
            carried = [self.addresses[value] for value in self.run_block(body).operands]
        self.addresses.update(zip(op.results, carried, strict=True))

    def repeat(self, op: scf.WhileOp) -> None:
        before, after = op.before_region.block, op.after_region.block
        carried = [self.addresses[value] for value in op.arguments]
        while True:
            self.addresses.update(zip(before.args, carried, strict=True))
            condition, *passed = self.run_block(before).operands
            carried = [self.addresses[value] for value in passed]
            if not self.numbers[condition]:
                break
            self.addresses.update(zip(after.args, carried, strict=True))
            carried = [self.addresses[value] for value in self.run_block(after).operands]
        self.addresses.update(zip(op.results, carried, strict=True))

    def branch(self, op: scf.IfOp) -> None:
        region = op.true_region if self.numbers[op.cond] else op.false_region
        if region.blocks:
            self.run_block(region.block)

    def switch(self, op: scf.IndexSwitchOp) -> None:
        cases = dict(zip(cast(Sequence[int], op.cases.get_values()), op.case_regions, strict=True))
        self.run_block(cases.get(int(self.numbers[op.arg]), op.default_region).block)

    def same_memory(self, op: Operation) -> None:
        self.addresses[op.results[0]] = self.addresses[op.operands[0]]

    def get_global(self, op: memref.GetGlobalOp) -> None:
        self.addresses[op.memref] = self.constants[op.name_.root_reference.data]

    def launch(self, op: rt.LaunchOp) -> None:
        if self.kernels is None:
            raise InternalError(f"host program: {op.kernel} is launched, but there are no kernels")
        name = op.kernel.nested_references.data[-1].data
        (grid,), (block,) = (cast(Any, op.attributes[key]).get_values() for key in ("rt.grid", "rt.block"))
        pointers = tuple(self.addresses[argument] for argument in op.arguments)
        step = self._launches.get((op, pointers))
        if step is None:
            step = self._launches[op, pointers] = self.kernels.launch_step(name, grid, block, pointers)
        self.do(step)

    def gemm(self, op: rt.GemmOp) -> None:
        assert op.out is not None, "rt.gemm on memrefs has an out operand"
        out = self.addresses[op.out]
        out_shape, k = _shape(op.out), _shape(op.lhs)[-2 if op.trans_lhs is not None else -1]
        if prod(out_shape) == 0:
            return
        if k == 0:
            self.do(partial(self.driver.clear, out, _byte_count(op.out.type)))
            return
        self.do(self.driver.blas().product_step(product_of(op), self.addresses[op.lhs], self.addresses[op.rhs], out))

    def copy(self, op: memref.CopyOp) -> None:
        source, destination, size = (
            self.addresses[op.source],
            self.addresses[op.destination],
            _byte_count(op.source.type),
        )
        if size and source != destination:
            self.do(partial(self.driver.copy, destination, source, size))


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


def _stored_dtype(scalar: Attribute) -> np.dtype[Any]:
    """The dtype of elements in memory."""
    dtype = dtype_of_element(scalar)
    return np.dtype(np.uint8) if dtype == np.bool_ else dtype


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


_RULES: dict[type[Operation], Callable[[_Host, Any], None]] = {
    arith.ConstantOp: _Host.constant,
    memref.ViewOp: _Host.view,
    memref.CollapseShapeOp: _Host.same_memory,
    memref.ExpandShapeOp: _Host.same_memory,
    memref.CastOp: _Host.same_memory,
    memref.GetGlobalOp: _Host.get_global,
    rt.LaunchOp: _Host.launch,
    rt.GemmOp: _Host.gemm,
    memref.CopyOp: _Host.copy,
    memref.LoadOp: _Host.load,
    memref.StoreOp: _Host.store,
    rt.RowOp: _Host.row,
    scf.ForOp: _Host.loop,
    scf.WhileOp: _Host.repeat,
    scf.IfOp: _Host.branch,
    scf.IndexSwitchOp: _Host.switch,
}
