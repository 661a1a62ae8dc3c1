"""Keys and bits: Philox 4x32-10 as Random123 has it, whatever the shape, the width, the vectors and the transforms."""

import numpy as np
import pytest

import compiler
from compiler import random
from dialects.dlc.random_bits import ROW, philox

KNOWN_ANSWERS = (
    # counter, key and block: the lines of philox4x32-10 in Random123's kat_vectors
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
)
KEY = np.array([0xA4093822, 0x299F31D0], np.uint32)


def from_hex(text):
    return np.array([int(word, 16) for word in text.split()], np.uint64)


def blocks(key, count):
    """The first blocks of a key, an array of `(count, 4)` words."""
    number, zeros = np.arange(count, dtype=np.uint64), np.zeros(count, np.uint64)
    return np.stack(philox((number, zeros, zeros, zeros), key.astype(np.uint64)), axis=1).astype(np.uint32)


@pytest.mark.parametrize(("counter", "key", "block"), KNOWN_ANSWERS)
def test_philox_gives_the_known_answers_of_random123(counter, key, block):
    np.testing.assert_array_equal(np.array(philox(from_hex(counter), from_hex(key))), from_hex(block))


def test_compiled_bits_start_with_the_known_answer():
    counter, _, block = KNOWN_ANSWERS[0]
    assert not from_hex(counter).any()
    row = random.bits(random.key(0), (4 * ROW,))
    np.testing.assert_array_equal(row[::ROW], from_hex(block))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.uint64])
@pytest.mark.parametrize("bits", [128, 256, 512])
def test_a_row_of_blocks_gives_its_pieces_one_after_the_other(dtype, bits):
    pieces = 16 // np.dtype(dtype).itemsize
    size = 2 * ROW * pieces + 5
    options = compiler.CompileOptions(vector_bits=bits)
    got = compiler.jit(lambda key: random.bits(key, (size,), dtype), options=options)(KEY)
    by_block = blocks(KEY, 3 * ROW).view(dtype).reshape(3, ROW, pieces)
    np.testing.assert_array_equal(got, by_block.swapaxes(1, 2).reshape(-1)[:size])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint32, np.uint64])
def test_longer_arrays_begin_with_shorter_ones(dtype):
    longest = random.bits(KEY, (3000,), dtype)
    for shape in ((), (1,), (ROW,), (ROW + 1,), (7, 11), (2, 500), (3, 1, 333)):
        np.testing.assert_array_equal(random.bits(KEY, shape, dtype).reshape(-1), longest[: np.prod(shape, dtype=int)])


@pytest.mark.parametrize("shape", [(3,), (2, 200)])
def test_vmap_over_keys_equals_a_loop(shape):
    keys = random.split(random.key(3), 5)

    def draw(key):
        return random.bits(key, shape), random.normal(random.fold_in(key, 2), shape)

    for got, want in zip(compiler.vmap(draw)(keys), zip(*map(draw, keys), strict=True), strict=True):
        np.testing.assert_array_equal(got, np.stack(want))


def test_scan_draws_what_a_loop_draws():
    def step(key, number):
        key, now = random.split(key)
        return key, random.uniform(random.fold_in(now, number), (3,))

    key, got = compiler.scan(step, random.key(5), np.arange(6))
    expected_key, want = random.key(5), []
    for number in range(6):
        expected_key, value = step(expected_key, number)
        want.append(value)
    np.testing.assert_array_equal(key, expected_key)
    np.testing.assert_array_equal(got, np.stack(want))


def test_the_key_of_a_seed_is_its_two_words():
    for seed, words in (
        (0, [0, 0]),
        (5, [5, 0]),
        (2**40 + 3, [3, 256]),
        (-1, [2**32 - 1] * 2),
        (2**64 - 2, [2**32 - 2, 2**32 - 1]),
    ):
        np.testing.assert_array_equal(random.key(seed), np.array(words, np.uint32))
        np.testing.assert_array_equal(random.PRNGKey(seed), random.key(seed))
    for seed in (np.int32(-3), np.int64(2**40 + 3), np.uint64(2**63 + 1)):
        np.testing.assert_array_equal(compiler.jit(random.key)(seed), random.key(seed))


def test_new_keys_are_all_different_and_have_nothing_of_the_numbers():
    key = random.key(17)
    keys = random.split(key, (40, 50)).reshape(-1, 2)
    folded = np.stack([random.fold_in(key, data) for data in range(100)])
    numbers = random.bits(key, (2000, 2))
    together = np.concatenate([keys, folded, numbers]).view(np.uint64)
    assert len(np.unique(together)) == len(together)
    np.testing.assert_array_equal(random.split(key), keys[:2])
    np.testing.assert_array_equal(random.fold_in(key, -1), random.fold_in(key, 2**32 - 1))
    np.testing.assert_array_equal(random.fold_in(key, np.int64(7)), folded[7])


@pytest.mark.parametrize("derivation", ["split", "fold_in"])
def test_streams_of_derived_keys_do_not_correlate(derivation):
    key = random.key(23)
    keys = random.split(key, 64) if derivation == "split" else np.stack([random.fold_in(key, i) for i in range(64)])
    streams = compiler.vmap(lambda key: random.normal(key, (2000,)))(keys)
    correlations = np.corrcoef(streams)[np.triu_indices(64, 1)] * np.sqrt(2000)
    # 2016 numbers, nearly normal: the greatest is above 5 with probability 0.001
    assert np.abs(correlations).max() < 5
    assert abs(correlations.std() - 1) < 0.1


def test_bits_are_fair_and_independent_of_their_neighbours():
    bits = np.unpackbits(random.bits(random.key(29), (40000,)).view(np.uint8)).reshape(-1, 32)
    deviations = (bits.mean(axis=0) - 0.5) * 2 * np.sqrt(len(bits))
    assert np.abs(deviations).max() < 5
    signs = bits.astype(np.int64) * 2 - 1
    for lag in (1, 2, ROW, 2 * ROW):
        agreement = (signs[lag:] * signs[:-lag]).mean(axis=0) * np.sqrt(len(bits) - lag)
        assert np.abs(agreement).max() < 5, lag


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: random.key(1.5), compiler.DtypeError, "key: seed is a float, expected an integer"),
        (lambda: random.key(2**64), compiler.DtypeError, "has more than 64 bits"),
        (lambda: random.key(np.arange(2)), compiler.ShapeError, r"key: seed has shape \(2,\), expected a scalar"),
        (lambda: random.bits(3), compiler.ArgumentError, r"bits: key is a int; make one with `compiler.random.key"),
        (lambda: random.bits(np.zeros(2)), compiler.DtypeError, r"bits: key is float64\[2\], expected uint32\[2\]"),
        (
            lambda: random.bits(random.split(KEY)),
            compiler.ShapeError,
            r"got an array of keys of shape \(2,\), expected one",
        ),
        (
            lambda: random.bits(KEY, (2,), np.int32),
            compiler.DtypeError,
            "dtype int32 is not supported; use uint8, uint16",
        ),
        (lambda: random.bits(KEY, (2, -1)), compiler.ShapeError, "has a negative size"),
        (lambda: random.bits(KEY, 2.0), compiler.ArgumentError, r"bits: shape is 2.0; use a tuple of integers"),
        (lambda: random.fold_in(KEY, 2**32), compiler.DtypeError, "has more than 32 bits"),
        (lambda: random.fold_in(KEY, 1.0), compiler.DtypeError, "fold_in: data is 1.0, expected an integer"),
        (lambda: random.split(KEY, -2), compiler.ShapeError, "has a negative size"),
        (lambda: compiler.jit(lambda n: random.bits(KEY, (n,)))(3), compiler.ShapeError, "shape has a traced value"),
    ],
    ids=map(str, range(13)),
)
def test_misuse_says_what_is_wrong(call, error, message):
    with pytest.raises(error, match=message):
        call()
