"""The layers as nodes of an ONNX graph: weights are NumPy arrays, which become constants of the graph."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from layers import lstm_weights
from onnx import helper, numpy_helper

OPSET = 20


@dataclass(frozen=True)
class Value:
    """A value of the graph, with the operators that the networks use."""

    graph: "OnnxLayers"
    name: str
    shape: tuple[int, ...]

    def __add__(self, other: Any) -> "Value":
        return self.graph.node("Add", self.shape, self, other)

    def reshape(self, *shape: int) -> "Value":
        """As NumPy's."""
        size = int(np.prod(self.shape))
        shape = tuple(size // -int(np.prod(shape)) if n == -1 else n for n in shape)
        return self.graph.node("Reshape", shape, self, np.array(shape))

    def swapaxes(self, first: int, second: int) -> "Value":
        """As NumPy's."""
        axes = list(range(len(self.shape)))
        axes[first], axes[second] = axes[second], axes[first]
        return self.graph.node("Transpose", tuple(self.shape[i] for i in axes), self, perm=axes)


class OnnxLayers:
    """Builds the graph while a network is called."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._inputs: list[Any] = []

    def input(self, array: Any) -> Value:
        """An input of the graph, of the type of an array."""
        name = f"input{len(self._inputs)}"
        self._inputs.append(
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
        )
        return Value(self, name, array.shape)

    def _named(self, operand: Any) -> str:
        if isinstance(operand, Value):
            return operand.name
        name = f"constant{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(operand), name))
        return name

    def node(self, op: str, shape: Any, *operands: Any, results: int = 1, **attributes: Any) -> Any:
        """The results of an operation, all of one shape."""
        names = [f"{op}{len(self._nodes)}_{i}" for i in range(results)]
        inputs = [self._named(operand) for operand in operands]
        self._nodes.append(helper.make_node(op, inputs, names, **attributes))
        values = tuple(Value(self, name, tuple(shape)) for name in names)
        return values[0] if results == 1 else values

    def model(self, result: Value) -> bytes:
        """The graph as a file."""
        output = helper.make_tensor_value_info(result.name, onnx.TensorProto.FLOAT, result.shape)
        graph = helper.make_graph(self._nodes, "benchmark", self._inputs, [output], self._constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
        return model.SerializeToString()

    def relu(self, x):
        """`max(x, 0)`."""
        return self.node("Relu", x.shape, x)

    def gelu(self, x):
        """The form with tanh."""
        return self.node("Gelu", x.shape, x, approximate="tanh")

    def softmax(self, x):
        """Over the last axis."""
        return self.node("Softmax", x.shape, x, axis=-1)

    def linear(self, x, weight, bias):
        """`x @ weight^T + bias`."""
        shape = (*x.shape[:-1], len(weight))
        if len(x.shape) == 2:
            return self.node("Gemm", shape, x, weight, bias, transB=1)
        return self.node("MatMul", shape, x, weight.T) + bias

    def layer_norm(self, x, weight, bias):
        """Over the last axis."""
        return self.node("LayerNormalization", x.shape, x, weight, bias, axis=-1, epsilon=1e-5)

    def embedding(self, indices, table):
        """Rows of a table."""
        return self.node("Gather", (*indices.shape, table.shape[1]), table, indices)

    def conv2d(self, x, weight, stride, padding):
        """Without bias."""
        sizes = ((n + 2 * padding - weight.shape[-1]) // stride + 1 for n in x.shape[2:])
        return self.node("Conv", (x.shape[0], len(weight), *sizes), x, weight, strides=[stride] * 2, pads=[padding] * 4)

    def batch_norm(self, x, p):
        """By the running statistics."""
        parameters = (p[name] for name in ("weight", "bias", "mean", "var"))
        return self.node("BatchNormalization", x.shape, x, *parameters, epsilon=1e-5)

    def max_pool2d(self, x, size, stride, padding):
        """Padded with minus infinity."""
        sizes = ((n + 2 * padding - size) // stride + 1 for n in x.shape[2:])
        shape = (*x.shape[:2], *sizes)
        return self.node("MaxPool", shape, x, kernel_shape=[size] * 2, strides=[stride] * 2, pads=[padding] * 4)

    def image_mean(self, x):
        """Over height and width."""
        return self.node("GlobalAveragePool", (*x.shape[:2], 1, 1), x).reshape(*x.shape[:2])

    def attention(self, query, key, value):
        """With a causal mask."""
        shape = (*query.shape[:-1], query.shape[-2])
        scores = self.node("MatMul", shape, query, key.swapaxes(2, 3))
        scores = self.node("Mul", shape, scores, np.array(query.shape[-1] ** -0.5, np.float32))
        mask = np.where(np.tri(shape[-1], dtype=bool), 0, -np.inf).astype(np.float32)
        return self.node("MatMul", query.shape, self.softmax(scores + mask), value)

    def thirds(self, x):
        """The last axis in three parts."""
        shape = (*x.shape[:-1], x.shape[-1] // 3)
        return self.node("Split", shape, x, results=3, axis=-1, num_outputs=3)

    def lstm(self, x, weights):
        """All steps of the output; ONNX has the gates as input, output, forget, cell."""
        w_ih, w_hh, b_ih, b_hh = (
            np.concatenate([np.split(w, 4)[gate] for gate in (0, 3, 1, 2)])[None] for w in lstm_weights(weights)
        )
        size = w_hh.shape[-1]
        bias = np.concatenate([b_ih, b_hh], axis=1)
        output = self.node("LSTM", (), x, w_ih, w_hh, bias, hidden_size=size)
        return Value(self, output.name, (x.shape[0], 1, x.shape[1], size)).reshape(*x.shape[:2], size)
