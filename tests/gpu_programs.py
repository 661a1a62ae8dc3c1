"""Programs for the tests of the GPU path: NumPy functions with arguments, ops; and what their results must be close to."""

import zlib

import numpy as np
from ml_dtypes import finfo
from op_example import build_op
from op_examples import OP_EXAMPLES, build_function, random_operands

import compiler
from compiler import nn, random, special
from compiler.cuda import compile_for_cuda
from dialects.dlc.matrix_op import MatrixOp

RNG = np.random.default_rng(5)


def floats(*shape, dtype=np.float32):
    return np.asarray(RNG.standard_normal(shape), dtype)


def positive(*shape, dtype=np.float32):
    return np.asarray(RNG.uniform(0.1, 4, shape), dtype)


def integers(low, high, *shape, dtype=np.int64):
    return np.asarray(RNG.integers(low, high, shape), dtype)


def scatter_add(x, indices, updates):
    y = x.copy()
    np.add.at(y, indices, updates)
    return y


def pads(x, y):
    return np.pad(np.concatenate([x, y[::-1]], axis=0), ((1, 2), (0, 3)), constant_values=-1)


def recurrent(w, h, xs):
    def step(h, x):
        h = np.tanh(h @ w + x)
        return h, h

    return compiler.scan(step, h, xs)


def halve_until_small(x):
    return compiler.while_loop(lambda c: np.max(c[1]) > 0.5, lambda c: (c[0] + 1, c[1] / 2), (0, np.abs(x)))


def complexes(*shape, dtype=np.complex64):
    return (RNG.standard_normal(shape) + 1j * RNG.standard_normal(shape)).astype(dtype)


def complex_loss(w, z):
    def step(h, x):
        h = np.exp(1j * x) * (h @ w) / (1 + abs(h))
        return h, np.arcsin(h)

    last, ys = compiler.scan(step, z[0], z)
    return np.sum(abs(ys) ** 2) + last.prod().real


def loss(w, x, y):
    return nn.cross_entropy(np.tanh(x @ w), y)


PROGRAMS = {
    "softmax": (nn.softmax, (floats(33, 70),)),
    "layer_norm": (lambda x, g, b: nn.layer_norm(x, 40, g, b), (floats(9, 40), floats(40), floats(40))),
    "gelu_chain": (lambda x, w, b: nn.gelu(x * w + b), (floats(17, 21), floats(21), floats(21))),
    "reductions": (
        lambda x: (x.sum(), x.max(axis=0), x.min(axis=1), x.prod(axis=(0, 2)), np.var(x, axis=2)),
        (floats(3, 5, 7),),
    ),
    "long_rows": (
        lambda x, d, i, j, z: (
            *(f(a, axis=1) for a in (x, d, i, j) for f in (np.sum, np.max, np.min, np.prod)),
            (np.any(x > 2, axis=1), np.all(x > -2, axis=1), np.mean(x.astype(np.float16), axis=1), z.sum(axis=1)),
            (x.sum(), np.var(d), x[:, 3:97] * x[:, 90:184] + d[:, :94], np.linalg.norm(x, axis=1)),
        ),
        (
            floats(5, 230),
            floats(5, 230, dtype=np.float64),
            integers(-3, 4, 5, 64),
            integers(-3, 4, 5, 33, dtype=np.int8),
            complexes(5, 40),
        ),
    ),
    "wide_rows": (
        lambda x, d, b, i: (nn.softmax(x), np.exp(d) / d.sum(axis=1, keepdims=True), np.tanh(x + b), i.max(1)),
        (floats(3, 256), floats(3, 256, dtype=np.float64), floats(256), integers(-9, 9, 3, 128, dtype=np.int8)),
    ),
    "many_points": (lambda x, s: np.tanh(x) * s, (floats(1 << 17), np.float32(3))),
    "gather": (lambda x, i: x[i] * 2, (floats(11, 6), integers(-11, 11, 4, 3))),
    "scatter": (scatter_add, (floats(7, 3), integers(0, 7, 20), floats(20, 3))),
    "cumulative": (
        lambda x: (np.cumsum(x, 0), np.logaddexp.accumulate(x, 1), np.maximum.accumulate(x[:, ::-1], 1)),
        (floats(6, 50),),
    ),
    "sort": (
        lambda x: (np.sort(x, 1), np.argsort(x, 0), np.searchsorted(np.sort(x[0]), x)),
        (floats(6, 50),),
    ),
    "fft": (
        lambda z: (np.fft.fft(z), np.fft.ifft2(z), np.abs(np.fft.rfft(z.real, n=34)), np.fft.irfft(z, n=300)),
        (complexes(20, 48),),
    ),
    "windows": (lambda x: nn.reduce_window(x, "max", (1, 3, 3), (1, 2, 2)), (floats(2, 9, 11),)),
    "extrema_of_windows": (
        compiler.grad(
            lambda x: np.sum(nn.max_pool2d(x, 3, 2, 1) ** 2) + np.sum(nn.adaptive_max_pool2d(x, (4, 5)) ** 2)
        ),
        (floats(2, 9, 11),),
    ),
    "unfolding": (
        lambda x: (nn.unfold(x, 3, stride=2), nn.fold(x.reshape(18, 11), (13, 2), (3, 2))),
        (floats(2, 9, 11),),
    ),
    "convolution": (
        lambda x, w, b: nn.relu(nn.conv(x, w, b, stride=(1, 2), padding=1)),
        (floats(2, 8, 9, 11), floats(10, 8, 3, 3), floats(10)),
    ),
    "convolution_gradient": (
        compiler.grad(lambda w, v, x: np.sum(np.tanh(nn.conv(nn.conv(x, w, padding=1), v, stride=2))), (0, 1)),
        (floats(8, 3, 3, 3), floats(8, 8, 2, 2), floats(2, 3, 8, 8)),
    ),
    "conv_transpose": (
        lambda x, w: nn.conv_transpose(x, w, stride=2, padding=1, output_padding=1),
        (floats(2, 6, 5, 5), floats(6, 4, 3, 3)),
    ),
    "argmax": (lambda x: (np.argmax(x, axis=1), np.argmin(x)), (floats(6, 50),)),
    "exp_f64": (lambda x: np.exp(x) + np.expm1(x), (floats(40, dtype=np.float64),)),
    "log_f64": (lambda x: np.log(x) + np.log1p(x), (positive(40, dtype=np.float64),)),
    "tanh_f64": (np.tanh, (floats(40, dtype=np.float64),)),
    "sin_f64": (lambda x: np.sin(x) + np.cos(100 * x), (floats(40, dtype=np.float64),)),
    "pow_f64": (lambda x, y: x**y, (positive(40, dtype=np.float64), floats(40, dtype=np.float64))),
    "functions_f32": (
        lambda x: (
            np.exp(x) + np.log(np.abs(x)) + np.tanh(x) + np.sin(x) + np.cos(x) + np.abs(x) ** 1.5 + np.sqrt(x * x)
        ),
        (floats(6, 9),),
    ),
    "inverse_functions": (
        lambda x, y: (
            np.arctan2(x, y)
            + np.arcsin(0.2 * x)
            + np.arccos(0.2 * x)
            + np.arcsinh(x)
            + np.arccosh(y + 1)
            + np.arctanh(0.2 * x)
            + np.tan(x)
            + np.sinh(x) * np.cosh(x)
            + np.cbrt(x)
            + np.log10(y)
            + np.exp2(x)
        ),
        (floats(6, 9), positive(6, 9)),
    ),
    "special_functions": (
        lambda x, y: (
            special.erfc(x)
            + special.erfcx(y)
            + special.erfinv(0.2 * x)
            + special.ndtri(0.2 * y)
            + special.gammaln(x)
            + special.psi(x)
            + special.polygamma(1, y)
            + special.xlogy(x, y)
        ),
        (floats(4, 9, dtype=np.float64), positive(4, 9, dtype=np.float64)),
    ),
    "bits": (
        lambda x, i: (np.nextafter(x, 2), np.copysign(x, -1), *np.frexp(x), np.ldexp(x, 3), i << 3, i >> 2),
        (floats(19), integers(-50, 50, 19)),
    ),
    "rounding": (lambda x: (np.floor(x), np.ceil(x), np.round(x), np.trunc(x), np.sign(x)), (4 * floats(19),)),
    "bools": (
        lambda x, y: (x > y, (x > 0) & ~(y > 0), np.any(x > y, axis=0), np.all(x > -3)),
        (floats(5, 8), floats(5, 8)),
    ),
    "int64": (lambda x, y: (x // y, x % y, x * y - (x ^ y)), (integers(-50, 50, 30), integers(1, 9, 30))),
    "int32": (lambda x: (x * x - 3).sum(axis=0), (integers(-50, 50, 4, 9, dtype=np.int32),)),
    "concat_pad": (pads, (floats(3, 4), floats(2, 4))),
    "transpose": (lambda x: np.transpose(x, (2, 0, 1)) + 1, (floats(3, 4, 5),)),
    "matmul": (lambda x, w, b: np.maximum(x @ w + b, 0), (floats(40, 64), floats(64, 50), floats(50))),
    "matmul_f64": (lambda x, w: x @ w, (floats(40, 64, dtype=np.float64), floats(64, 50, dtype=np.float64))),
    "batched_matmul": (lambda x, w: x @ w, (floats(3, 40, 32), floats(3, 32, 48))),
    "random": (
        lambda key: (random.bits(key, (3, 300)), random.normal(key, (700,)), random.randint(key, (5,), -3, 2**40)),
        (random.key(7),),
    ),
    "gradient": (compiler.value_and_grad(loss), (floats(64, 40), floats(48, 64), integers(0, 40, 48))),
    "scan": (recurrent, (floats(6, 6), floats(6), floats(9, 6))),
    "points_of_a_loop": (
        lambda x, y: compiler.fori_loop(0, 9, lambda i, c: c * c * y - i / 9, x),
        (floats(5, 7), floats(7)),
    ),
    "points_that_leave_a_loop": (
        compiler.vmap(lambda a: compiler.while_loop(lambda s: s * s > 1.001 * a, lambda s: (s + a / s) / 2, a)),
        (1 + positive(19),),
    ),
    "gradient_of_scan": (
        compiler.grad(lambda *args: recurrent(*args)[1].sum()),
        (floats(6, 6), floats(6), floats(9, 6)),
    ),
    "while": (halve_until_small, (floats(5),)),
    "branches": (
        lambda k, x: compiler.switch(k, [np.sin, np.negative, lambda x: x], x),
        (np.int64(1), floats(7)),
    ),
    "complex_functions": (
        lambda x, y: (x * y, x / y, np.sqrt(x) + np.log(y), np.arctan(x), x**y, abs(x), np.round(y, 1)),
        (complexes(5, 9), complexes(5, 9)),
    ),
    "complex_moves": (
        lambda x, i: (x[i], x.T.conj(), np.pad(x, 1), x.sum(0), x.prod(1), np.cumsum(x, 0), np.vdot(x, x), x @ x.T),
        (complexes(6, 7, dtype=np.complex128), integers(0, 6, 4)),
    ),
    "complex_gradient_of_scan": (compiler.grad(complex_loss), (complexes(4, 4), complexes(5, 4))),
    "empty": (lambda x: (x + 1, x.sum(axis=0)), (floats(0, 4),)),
    "constant": (lambda x: x + np.arange(12, dtype=np.float32).reshape(3, 4) ** 2, (floats(3, 4),)),
    "identity": (lambda x: (x, x.reshape(6, 2)), (floats(3, 4),)),
    "scalar": (lambda x, y: x * y, (np.float32(3), np.float32(4))),
}
"""Of every kind of kernel that the fused stage has, at least one."""

OPS_OF_THE_DEVICE = [example for example in OP_EXAMPLES if not issubclass(example.op_type, MatrixOp)]
"""LAPACK runs on the CPU only."""


def assert_close(got, want, ulps):
    assert (got.shape, got.dtype) == (want.shape, want.dtype)
    if want.dtype.kind == "c":
        assert_close(got.real, want.real, ulps)
        assert_close(got.imag, want.imag, ulps)
    elif want.dtype.kind in "fV":  # bfloat16 is of kind V
        tolerance = ulps * float(finfo(want.dtype).eps)
        got, want = got.astype(np.float64), want.astype(np.float64)
        largest = np.max(np.abs(want), initial=0, where=np.isfinite(want))
        np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance * max(1, largest))
    else:
        np.testing.assert_array_equal(got, want)


def assert_gives_its_value(example, driver):
    """Run the op of an example on the device, against its reference."""
    operands = random_operands(example, np.random.default_rng(zlib.crc32(str(example).encode())))
    with np.errstate(all="ignore"):
        want = build_op(example).evaluate(operands)
    (got,) = compile_for_cuda(build_function(example), "main", driver=driver)(operands)
    assert_close(got, want, ulps=64)
