"""`compiler.numpy.fft` is the extension `fft` of the array API standard: against array-api-strict."""

import doctest

import array_api_strict as strict
import pytest
from signature_checks import parameters

import compiler.numpy as cnp


@pytest.mark.parametrize("name", strict.fft.__all__)
def test_fft_has_the_signatures_of_the_standard_and_examples_that_are_true(name):
    function = getattr(cnp.fft, name)
    assert parameters(function) == parameters(getattr(strict.fft, name))
    (examples,) = doctest.DocTestFinder().find(function, name, globs={"cnp": cnp})
    assert examples.examples
    assert doctest.DocTestRunner().run(examples).failed == 0


def test_fft_gives_the_dtypes_of_the_standard():
    assert set(cnp.fft.__all__) == set(strict.fft.__all__)
    for real, complex_ in ((cnp.float32, cnp.complex64), (cnp.float64, cnp.complex128)):
        x = cnp.ones((4, 6), dtype=real)
        z = cnp.astype(x, complex_)
        for name in ("fft", "ifft", "fftn", "ifftn"):
            assert getattr(cnp.fft, name)(z).dtype == complex_
        for name in ("rfft", "rfftn", "ihfft"):
            assert getattr(cnp.fft, name)(x).dtype == complex_
        for name in ("irfft", "irfftn", "hfft"):
            assert getattr(cnp.fft, name)(z).dtype == real
        assert cnp.fft.fftfreq(4, dtype=real).dtype == cnp.fft.rfftfreq(4, dtype=real).dtype == real
        assert cnp.fft.fftshift(x).dtype == cnp.fft.ifftshift(x).dtype == real
    assert cnp.fft.fftfreq(4).dtype == cnp.float64
