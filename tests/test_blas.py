"""The library that is called: how it is found, and what is said of one that will not do."""

from ctypes.util import find_library

import pytest

from dialects.errors import MissingLibraryError
from runtime import blas


def test_missing_blas_library_names_path_and_remedy(monkeypatch):
    with pytest.raises(MissingLibraryError, match=r"/nowhere/libblas.so.*set DLC_BLAS"):
        blas.get_blas("/nowhere/libblas.so")
    monkeypatch.setenv("DLC_BLAS", "/nowhere/libother.so")
    with pytest.raises(MissingLibraryError, match=r"/nowhere/libother.so"):
        blas.get_blas()


def test_library_without_cblas_is_rejected():
    library = find_library("m")
    with pytest.raises(MissingLibraryError, match="has no function cblas_sgemm"):
        blas.get_blas(library or "libm.so.6")


def test_a_routine_that_the_library_lacks_is_named():
    with pytest.raises(MissingLibraryError, match="has no function scipy_dnone_; use one with LAPACK"):
        blas.blas_symbols(blas.blas_functions("declare void @dnone_(ptr, i64)"))


def test_number_of_blas_threads_can_be_set():
    library = blas.get_blas()
    before = library.num_threads()
    library.set_num_threads(1)
    assert library.num_threads() == 1
    library.set_num_threads(before)


def test_a_missing_package_is_told_with_what_to_install(monkeypatch):
    monkeypatch.delenv("DLC_BLAS", raising=False)
    monkeypatch.setattr(blas, "find_spec", lambda _: None)
    blas._load.cache_clear()
    with pytest.raises(MissingLibraryError, match=r"scipy_openblas32 cannot be found; run `pip install"):
        blas.get_blas()
