"""What memory for results promises: it is used again exactly when nothing refers to it, and does not grow without bound."""

import threading

import numpy as np
import pytest

import compiler
from runtime.dispatch.memory_pool import LARGE, memory_limit
from runtime.dispatch.native_library import native_library

pytestmark = pytest.mark.skipif(native_library() is None, reason="calls are not native on this interpreter")

SIZE = LARGE // 8
double = compiler.jit(lambda x: x * 2)


@pytest.fixture
def pool():
    """The pool, empty."""
    compiler.release_memory()
    return native_library().pool


def address(array):
    return array.ctypes.data


def test_memory_of_a_dropped_result_is_that_of_the_next(pool):
    x = np.ones(SIZE)
    first = address(double(x))
    assert address(double(x)) == first
    assert pool.held >= x.nbytes


@pytest.mark.parametrize(
    "program",
    [lambda x: np.tanh(x @ x) @ x, np.linalg.inv, lambda x: np.fft.fft(x).real @ x],
    ids=["products", "LAPACK", "Fourier transform"],
)
def test_temporaries_take_what_memory_analysis_says(program, pool):
    x = np.eye(512)
    function = compiler.jit(program)
    said = function.lower(x).memory_analysis().temp_size_in_bytes
    for _ in range(3):
        function(x)
    compiler.release_memory()
    result = function(x)
    assert said <= pool.held < said + 8192
    assert result.shape == x.shape


def test_results_that_are_referred_to_keep_their_memory(pool):
    x = np.arange(float(SIZE))
    results = [double(x + i) for i in range(4)]
    assert len(set(map(address, results))) == 4
    assert all((r == 2 * (x + i)).all() for i, r in enumerate(results))


@pytest.mark.parametrize(
    "keep",
    [
        lambda r: r[3:7], lambda r: r.reshape(2, -1).T, memoryview, lambda r: r.view(np.uint8), np.from_dlpack,
        iter, lambda r: {"deep": [r.real]},
    ],
    ids=["slice", "transpose", "memoryview", "view", "dlpack", "iterator", "container"],
)  # fmt: skip
def test_a_view_keeps_the_memory(keep, pool):
    x = np.ones(SIZE)
    result = double(x)
    first = address(result)
    view = keep(result)
    del result
    others = [double(x) for _ in range(2)]
    assert first not in map(address, others)
    del view, others
    assert first in {address(r) for r in [double(x), double(x), double(x)]}


def test_tensors_take_memory_from_the_pool_and_give_it_back(pool):
    x = compiler.Tensor(np.ones(SIZE))
    first = address(np.asarray(double(x)))
    assert address(np.asarray(double(x))) == first


def test_results_are_arrays_like_all_others(pool):
    result = double(np.ones(SIZE))
    assert result.flags.owndata
    assert result.flags.writeable
    assert result.base is None
    assert address(result) % 64 == 0
    result.resize(3 * SIZE, refcheck=False)
    assert (result[:SIZE] == 2).all()
    result.resize(5, refcheck=False)
    assert result.tolist() == [2.0] * 5


def test_blocks_are_used_for_results_that_are_slightly_smaller_only(pool):
    first = address(double(np.ones(SIZE * 8)))
    assert address(double(np.ones(SIZE * 7))) == first
    assert address(double(np.ones(SIZE * 5))) != first


def test_small_results_are_numpys(pool):
    double(np.ones(LARGE // 8 - 1))
    assert pool.held == 0


def test_released_memory_goes_back_to_the_system(pool):
    x = np.ones(SIZE * 16)
    double(x)
    assert compiler.release_memory() >= x.nbytes
    assert (pool.held, compiler.release_memory()) == (0, 0)


def test_no_more_is_kept_than_the_limit(pool, monkeypatch):
    x = np.ones(SIZE)
    kept = [double(x) for _ in range(6)]
    limit = pool.limit
    pool.limit = 3 * x.nbytes + 8192
    try:
        kept.clear()
        assert x.nbytes <= pool.held <= pool.limit
        large = double(np.ones(4 * SIZE))
        del large
        assert pool.held <= pool.limit
    finally:
        pool.limit = limit


def test_the_limit_is_a_part_of_the_memory():
    assert 1 << 24 < memory_limit() == native_library().pool.limit


def test_the_environment_gives_the_limit(monkeypatch):
    monkeypatch.setenv("DLC_POOL_SIZE", "3M")
    assert memory_limit() == 3 << 20
    monkeypatch.setenv("DLC_POOL_SIZE", "some")
    with pytest.raises(compiler.ArgumentError, match="DLC_POOL_SIZE is 'some'; use a number of bytes"):
        memory_limit()


def test_shapes_that_never_come_again_do_not_fill_the_memory(pool):
    limit, pool.limit = pool.limit, 1 << 23
    try:
        for extra in range(24):
            x = np.ones(SIZE + 8192 * extra**2)
            np.testing.assert_array_equal(double(x)[:: SIZE // 2], 2)
            assert pool.held <= pool.limit
    finally:
        pool.limit = limit


def test_blocks_that_are_not_used_for_long_go_back(pool):
    double(np.ones(SIZE * 16))
    x = np.ones(SIZE)
    for _ in range(4200):
        double(x)
    assert pool.held < 16 * x.nbytes


def test_arenas_come_from_the_pool(pool):
    squares = compiler.jit(lambda a: ((a @ a) @ (a @ a)).sum())
    x = np.eye(128)
    assert squares(x) == squares(x) == 128
    assert pool.held >= x.nbytes


def test_too_large_a_result_is_a_memory_error_that_leaves_all_as_it_was(pool):
    broadcast = compiler.jit(lambda x: np.broadcast_to(x, (1 << 44, 4)) + 0)
    with pytest.raises(MemoryError):
        broadcast(np.ones(4))
    x = np.ones(SIZE)
    assert (double(x) == 2).all()


def test_threads_never_share_a_result(pool):
    wrong = []

    def work(i):
        x = np.full(SIZE, float(i))
        for _ in range(100):
            a, b = double(x), double(x)
            if not ((a == 2 * i).all() and (b == 2 * i).all()):
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
