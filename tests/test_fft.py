"""Discrete Fourier transforms: values, dtypes and derivatives of `np.fft`, of any number of points, and what they cost."""

import math
import warnings
from typing import Any

import mpmath
import numpy as np
import pytest
from levels import HOST_VECTOR_BITS
from xdsl.dialects.linalg.ops import GenericOp

import compiler
from compiler.options import CompileOptions
from dialects import rt
from dialects.fourier import LARGEST_RADIX, plan_transform, radices_of, unit_roots

RNG = np.random.default_rng(4)
DTYPES = [np.float32, np.float64]


def reals(*shape: int, dtype: Any = np.float64) -> Any:
    return RNG.normal(size=shape).astype(dtype)


def complexes(*shape: int, dtype: Any = np.float64) -> Any:
    return (RNG.normal(size=shape) + 1j * RNG.normal(size=shape)).astype(np.result_type(dtype, np.complex64))


def relative_rms(actual: Any, expected: Any) -> float:
    return float(np.linalg.norm(actual - expected) / np.linalg.norm(expected))


def bound(size: int, dtype: Any) -> float:
    """The errors of the steps are independent: their root mean square grows as the root of how many steps there are."""
    return 2.5 * float(np.finfo(dtype).eps) * math.sqrt(max(1.0, math.log2(size)))


# Any number of points

SIZES = (*range(1, 65), 67, 74, 85, 127, 128, 131, 254, 289, 360, 1000, 1009)
LARGE_SIZES = (4096, 8192, 127 * 67, 10007, 3 * 2**15)


def in_programs(dtype: Any) -> Any:
    """The sizes in groups, a program for each; of float32 not all, as it is the same code."""
    return [(*SIZES[start::3], *LARGE_SIZES[start::3]) for start in range(3 if dtype == np.float64 else 1)]


@pytest.mark.parametrize("dtype", DTYPES)
def test_transforms_of_any_number_of_points_are_those_of_numpy(dtype: Any) -> None:
    for sizes in in_programs(dtype):
        xs = [complexes(size, dtype=dtype) for size in sizes]
        results = compiler.jit(lambda xs: [(np.fft.fft(x), np.fft.ifft(x)) for x in xs])(xs)
        for x, (forward, back) in zip(xs, results, strict=True):
            assert forward.dtype == back.dtype == x.dtype
            wide = x.astype(np.complex128)
            assert relative_rms(forward, np.fft.fft(wide)) <= bound(x.size, dtype), x.size
            assert relative_rms(back, np.fft.ifft(wide)) <= bound(x.size, dtype), x.size


@pytest.mark.parametrize("dtype", DTYPES)
def test_transforms_of_any_number_of_real_points_are_those_of_numpy(dtype: Any) -> None:
    for sizes in in_programs(dtype):
        xs = [reals(size, dtype=dtype) for size in sizes]
        spectra = [complexes(size // 2 + 1, dtype=dtype) for size in sizes]

        def transforms(xs: Any, spectra: Any) -> Any:
            return [(np.fft.rfft(x), np.fft.irfft(z, x.size), np.fft.fft(x)) for x, z in zip(xs, spectra, strict=True)]

        for x, z, (forward, back, whole) in zip(xs, spectra, compiler.jit(transforms)(xs, spectra), strict=True):
            assert (forward.dtype, back.dtype, whole.dtype) == (z.dtype, x.dtype, z.dtype)
            wide = x.astype(np.float64)
            assert relative_rms(forward, np.fft.rfft(wide)) <= bound(x.size, dtype), x.size
            assert relative_rms(back, np.fft.irfft(z.astype(np.complex128), x.size)) <= bound(x.size, dtype), x.size
            assert relative_rms(whole, np.fft.fft(wide)) <= bound(x.size, dtype), x.size


@pytest.mark.parametrize("bits", [0, 128, HOST_VECTOR_BITS])
def test_columns_and_rows_of_every_kind_are_transformed_with_every_size_of_vectors(bits: int) -> None:
    shapes = [(60, 7), (64, 3, 33), (17 * 8, 5), (5, 17 * 8), (16384, 2), (2, 16384), (12, 67), (9, 1)]
    xs = [complexes(*shape) for shape in shapes]
    options = CompileOptions(vector_bits=bits)
    results = compiler.jit(lambda xs: [(np.fft.fft(x, axis=0), np.fft.ifft(x)) for x in xs], options=options)(xs)
    for x, (columns, rows) in zip(xs, results, strict=True):
        assert relative_rms(columns, np.fft.fft(x, axis=0)) <= bound(len(x), np.float64)
        assert relative_rms(rows, np.fft.ifft(x)) <= bound(x.shape[-1], np.float64)


@pytest.mark.parametrize("size", [12, 37, 131, 296])
def test_errors_against_sums_in_many_digits_are_a_few_units(size: int) -> None:
    x = complexes(size)
    with mpmath.workdps(40):
        roots = [mpmath.expjpi(mpmath.mpf(-2 * k) / size) for k in range(size)]
        exact = [
            sum(complex_ * roots[j * k % size] for j, complex_ in enumerate(map(mpmath.mpc, x))) for k in range(size)
        ]
        actual = compiler.jit(np.fft.fft)(x)
        errors = [abs(mpmath.mpc(ours) - theirs) for ours, theirs in zip(actual, exact, strict=True)]
        scale = mpmath.sqrt(sum(abs(value) ** 2 for value in exact) / size)
        rms = mpmath.sqrt(sum(error**2 for error in errors) / size) / scale
    assert rms <= 2 * np.finfo(np.float64).eps


def test_roots_of_unity_are_off_by_less_than_the_precision_of_one() -> None:
    for order in (1, 2, 3, 7, 8, 24, 1000, 2**20 + 7):
        exponents = np.unique(RNG.integers(0, 3 * order, 40))
        with mpmath.workdps(40):
            exact = [mpmath.expjpi(mpmath.mpf(-2 * int(e)) / order) for e in exponents]
            for ours, theirs in zip(unit_roots(exponents, order), exact, strict=True):
                for part, true in ((ours.real, theirs.real), (ours.imag, theirs.imag)):
                    assert abs(part - true) < np.finfo(np.float64).eps


def test_the_radices_multiply_to_the_size() -> None:
    for size in range(2, 2000):
        radices = radices_of(size)
        if radices is not None:
            assert math.prod(radices) == size
            assert max(radices) <= LARGEST_RADIX
            plan = plan_transform(radices, is_real=True)
            assert plan.table(np.dtype(np.float32)).shape == (plan.table_size,)
    assert radices_of(131) is None
    assert radices_of(4096) == (8, 8, 8, 8)


# NumPy's arguments

X, Z = reals(3, 6, 10), complexes(3, 6, 10)
CALLS = {
    "ifft of a middle axis": lambda m, x, z: m.ifft(z, axis=1, norm="ortho"),
    "fft cut": lambda m, x, z: m.fft(z, n=7, norm="forward"),
    "fft padded": lambda m, x, z: m.fft(z, n=13, axis=0),
    "fft of reals": lambda m, x, z: m.fft(x),
    "rfft": lambda m, x, z: m.rfft(x),
    "rfft cut": lambda m, x, z: m.rfft(x, n=5, axis=1, norm="ortho"),
    "rfft padded": lambda m, x, z: m.rfft(x, n=16, axis=0, norm="forward"),
    "rfft of one": lambda m, x, z: m.rfft(x, n=1),
    "irfft": lambda m, x, z: m.irfft(z),
    "irfft of an odd number": lambda m, x, z: m.irfft(z, n=15, axis=0),
    "irfft cut": lambda m, x, z: m.irfft(z, n=8, axis=1, norm="forward"),
    "irfft of one": lambda m, x, z: m.irfft(z, n=1),
    "irfft of reals": lambda m, x, z: m.irfft(x),
    "hfft": lambda m, x, z: m.hfft(z),
    "hfft of an odd number": lambda m, x, z: m.hfft(z, n=9, norm="ortho"),
    "ihfft": lambda m, x, z: m.ihfft(x),
    "ihfft forward": lambda m, x, z: m.ihfft(x, norm="forward"),
    "fft2": lambda m, x, z: m.fft2(z),
    "ifft2": lambda m, x, z: m.ifft2(z, s=(4, 5)),
    "fftn": lambda m, x, z: m.fftn(z),
    "fftn of an axis twice": lambda m, x, z: m.fftn(z, axes=(1, 1)),
    "ifftn": lambda m, x, z: m.ifftn(z, axes=(0, 2), norm="ortho"),
    "rfft2": lambda m, x, z: m.rfft2(x),
    "rfftn": lambda m, x, z: m.rfftn(x, s=(5, -1, 8), axes=(0, 1, 2)),
    "rfftn of axes": lambda m, x, z: m.rfftn(x, axes=(2, 0)),
    "irfft2": lambda m, x, z: m.irfft2(z),
    "irfftn": lambda m, x, z: m.irfftn(z, s=(4, 7), axes=(1, 0)),
    "irfftn of all": lambda m, x, z: m.irfftn(z),
    "fftshift": lambda m, x, z: m.fftshift(x),
    "fftshift of axes": lambda m, x, z: m.fftshift(x, axes=(0, 2)),
    "ifftshift": lambda m, x, z: m.ifftshift(x, axes=1),
    "no rows": lambda m, x, z: m.fft(z[:0]),
    "no rows of reals": lambda m, x, z: m.rfft(x[:0]),
}


@pytest.mark.parametrize("dtype", DTYPES)
def test_arguments_mean_what_they_mean_in_numpy(dtype: Any) -> None:
    x, z = X.astype(dtype), Z.astype(np.result_type(dtype, np.complex64))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        results = compiler.jit(lambda x, z: {name: call(np.fft, x, z) for name, call in CALLS.items()})(x, z)
        for name, call in CALLS.items():
            expected = call(np.fft, x, z)
            assert results[name].dtype == expected.dtype, name
            assert results[name].shape == expected.shape, name
            scale = np.max(np.abs(expected), initial=1.0)
            np.testing.assert_allclose(
                results[name], expected, rtol=0, atol=16 * np.finfo(dtype).eps * scale, err_msg=name
            )


@pytest.mark.parametrize("dtype", [np.bool_, np.int8, np.int64, np.uint16, np.float16, np.float32, np.complex64])
def test_dtypes_are_those_of_numpy(dtype: Any) -> None:
    x = np.ones(6, dtype)
    names = ["fft", "ifft", "irfft", "hfft", *([] if x.dtype.kind == "c" else ["rfft", "ihfft"])]
    results = compiler.jit(lambda x: [getattr(np.fft, name)(x) for name in names])(x)
    for name, result in zip(names, results, strict=True):
        assert result.dtype == getattr(np.fft, name)(x).dtype, name


def test_frequencies_take_traced_distances() -> None:
    results = compiler.jit(lambda d: (np.fft.fftfreq(5, d), np.fft.rfftfreq(6, d)))(0.5)
    np.testing.assert_allclose(results[0], np.fft.fftfreq(5, 0.5))
    np.testing.assert_allclose(results[1], np.fft.rfftfreq(6, 0.5))


def test_out_is_assigned() -> None:
    def fn(x: Any) -> Any:
        y = np.zeros_like(x)
        np.fft.fft(x, out=y)
        return y

    np.testing.assert_allclose(compiler.jit(fn)(Z), np.fft.fft(Z))


def test_tensors_are_transformed_outside_of_traced_functions() -> None:
    z = compiler.Tensor(Z)
    assert isinstance(np.fft.fft(z), compiler.Tensor)
    np.testing.assert_allclose(np.asarray(np.fft.ifft(np.fft.fft(z))), Z)


MISTAKES = {
    "no points": (lambda x: np.fft.fft(x, n=0), compiler.ShapeError, "number of points is 0"),
    "no such axis": (lambda x: np.fft.fft(x, axis=3), compiler.ShapeError, "axis 3 is out of bounds"),
    "a scalar": (lambda x: np.fft.fft(x[0, 0, 0]), compiler.ShapeError, "axis -1 is out of bounds"),
    "an unknown norm": (lambda x: np.fft.ifft(x, norm="no"), compiler.ArgumentError, "norm is 'no'"),
    "rfft of complex": (lambda x: np.fft.rfft(x + 1j), compiler.DtypeError, "is complex"),
    "more sizes than axes": (lambda x: np.fft.fftn(x, s=(2, 2, 2, 2)), compiler.ShapeError, "axis -4 is out of bounds"),
    "sizes without axes": (lambda x: np.fft.fftn(x, s=(2, 2), axes=(0,)), compiler.ShapeError, "2 sizes for 1 axes"),
    "irfft of one element": (lambda x: np.fft.irfft(x[..., :1]), compiler.ShapeError, "number of points is 0"),
    "real without axes": (lambda x: np.fft.rfftn(x, axes=()), compiler.ShapeError, "at least one axis"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_explained(name: str) -> None:
    call, error, message = MISTAKES[name]
    with pytest.raises(error, match=message):
        compiler.jit(call)(X)


# Derivatives and batches


def test_gradients_are_those_of_finite_differences() -> None:
    def loss(x: Any) -> Any:
        spectrum = np.fft.rfft(x, axis=0)
        smooth = np.fft.irfft(spectrum / (1 + np.arange(4.0)[:, None]), 7, axis=0)
        return np.sum(np.abs(np.fft.fft2(smooth + 0j)) ** 4) / 100

    x, direction = reals(7, 5), reals(7, 5)
    step = 1e-5
    difference = (loss(x + step * direction) - loss(x - step * direction)) / (2 * step)
    assert np.sum(compiler.jit(compiler.grad(loss))(x) * direction) == pytest.approx(difference, rel=1e-8)
    _, tangent = compiler.jit(lambda x, d: compiler.jvp(loss, (x,), (d,)))(x, direction)
    assert tangent == pytest.approx(difference, rel=1e-8)


def test_energy_has_the_gradient_of_parseval() -> None:
    x = reals(24)
    gradient = compiler.jit(compiler.grad(lambda x: np.sum(np.abs(np.fft.fft(x, norm="ortho")) ** 2)))(x)
    np.testing.assert_allclose(gradient, 2 * x, rtol=1e-13)


def test_vmap_transforms_every_row() -> None:
    batched = compiler.jit(compiler.vmap(lambda z: np.fft.fft(np.fft.fft(z, axis=0))))(Z)
    np.testing.assert_allclose(batched, np.fft.fft2(Z), rtol=1e-12, atol=1e-12)
    columns = compiler.jit(compiler.vmap(np.fft.rfft, in_axes=1))(X[0])
    np.testing.assert_allclose(columns, np.fft.rfft(X[0].T), rtol=1e-12, atol=1e-12)


def test_a_transform_in_a_loop_is_that_of_every_iteration() -> None:
    def propagate(z: Any) -> Any:
        return compiler.fori_loop(0, 5, lambda i, z: np.fft.ifft(np.fft.fft(z) * np.exp(1j * np.arange(10.0) * i)), z)

    expected = Z
    for i in range(5):
        expected = np.fft.ifft(np.fft.fft(expected) * np.exp(1j * np.arange(10.0) * i))
    np.testing.assert_allclose(compiler.jit(propagate)(Z), expected, rtol=1e-12, atol=1e-12)


# Special values, and what a transform costs


@pytest.mark.parametrize("size", [8, 15, 37, 74, 131, 256])
def test_nan_anywhere_is_nan_everywhere_in_its_row(size: int) -> None:
    x = reals(2, size)
    x[0, size // 3] = np.nan
    whole, half, back = compiler.jit(lambda x: (np.fft.fft(x + 0j), np.fft.rfft(x), np.fft.irfft(x, 2 * size - 2)))(x)
    for result in (whole, half, back):
        assert np.isnan(result[0]).all()
        assert np.isfinite(result[1]).all()


def test_a_transform_of_an_argument_is_one_kernel_without_scratch_in_memory() -> None:
    lowered = compiler.jit(np.fft.fft).lower(complexes(1000, 256))
    assert sum(isinstance(op, rt.FftOp) for op in lowered.module_at("fused").walk()) == 1
    assert not any(isinstance(op, GenericOp) for op in lowered.module_at("fused").walk())
    assert lowered.memory_analysis().temp_size_in_bytes == 0


def test_scratch_of_a_large_transform_is_as_large_as_the_result() -> None:
    x = complexes(2**16)
    assert compiler.jit(np.fft.fft).lower(x).memory_analysis().temp_size_in_bytes == x.nbytes
