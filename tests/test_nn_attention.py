"""Attention and positions against the formulas, written out in NumPy; what takes memory; what is refused."""

import math
import re

import numpy as np
import pytest

import compiler
from compiler import nn, random
from compiler.nn.attention_blocks import QUERY_BLOCK

F32, F64 = np.float32, np.float64
LENGTHS = pytest.mark.parametrize("length", [6, QUERY_BLOCK + 11], ids=["at once", "in blocks"])


def sample(*shape, dtype=F64, seed=0):
    return np.random.default_rng((seed, *shape)).standard_normal(shape).astype(dtype)


def softmax(x):
    with np.errstate(invalid="ignore"):
        exponentials = np.exp(x - x.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def attention(q, k, v, mask=None, is_causal=False):
    """The formula, with as many heads of keys as of queries."""
    scores = q @ np.swapaxes(k, -1, -2) / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = np.where(mask, scores, -np.inf) if mask.dtype == bool else scores + mask
    if is_causal:
        scores = np.where(np.tri(*scores.shape[-2:], dtype=bool), scores, -np.inf)
    return softmax(scores) @ v


def assert_close(got, want, units=64):
    eps = np.finfo(np.asarray(got).dtype).eps
    np.testing.assert_allclose(got, want, rtol=units * eps, atol=units * eps * np.abs(want).max(initial=1))


@pytest.fixture
def qkv():
    return [sample(2, QUERY_BLOCK + 11, 4, seed=seed) for seed in range(3)]


# Values


@LENGTHS
@pytest.mark.parametrize("dtype", [F32, F64], ids=["float32", "float64"])
def test_attention_is_its_formula(length, dtype):
    q, k, v = (sample(2, length, 4, dtype=dtype, seed=seed) for seed in range(3))
    result = nn.scaled_dot_product_attention(q, k, v, is_causal=True)
    assert result.dtype == dtype
    assert_close(result, attention(*(x.astype(F64) for x in (q, k, v)), is_causal=True))


@LENGTHS
def test_a_query_without_keys_has_zeros_and_no_influence(length):
    q, k, v = (sample(2, length, 4, seed=seed) for seed in range(3))
    for mask in (np.arange(length)[:, None] != 3, np.where(np.arange(length) != 3, 0.0, -np.inf)[:, None]):
        gradients = compiler.grad(
            lambda *x, mask=mask: nn.scaled_dot_product_attention(*x, mask).sum(), argnums=(0, 1, 2)
        )(q, k, v)
        assert (nn.scaled_dot_product_attention(q, k, v, mask)[:, 3] == 0).all()
        assert (gradients[0][:, 3] == 0).all()
        assert all(np.isfinite(x).all() for x in gradients)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_a_number_stays_in_its_row(bad):
    q, k, v = (sample(5, 4, seed=seed) for seed in range(3))
    q[2, 1] = bad
    result = nn.scaled_dot_product_attention(q, k, v)
    assert np.isnan(result[2]).all()
    assert_close(np.delete(result, 2, 0), attention(np.delete(q, 2, 0), k, v))


def test_hidden_keys_that_are_not_numbers_hide_in_values_too_large_to_add():
    q, k, v = (sample(4, 3, seed=seed) for seed in range(3))
    k[3] = 1e308
    mask = np.array([True, True, True, False])
    assert_close(nn.scaled_dot_product_attention(q, k, v, mask), attention(q, k[:3], v[:3]))


@pytest.mark.parametrize(
    ("q", "k", "v"),
    [((0, 3, 4), (0, 5, 4), (0, 5, 2)), ((2, 0, 4), (2, 5, 4), (2, 5, 2)), ((2, 3, 0), (2, 5, 0), (2, 5, 2)), ((0, 200, 4), (0, 200, 4), (0, 200, 4))],
)  # fmt: skip
def test_empty_arrays_are_fine(q, k, v):
    result = nn.scaled_dot_product_attention(np.ones(q), np.ones(k), np.ones(v), is_causal=True)
    assert result.shape == (*q[:-1], v[-1])
    assert (result == 1).all()


def test_without_keys_the_result_is_zero():
    result = nn.scaled_dot_product_attention(np.ones((2, 3, 4)), np.ones((2, 0, 4)), np.ones((2, 0, 5)))
    assert result.shape == (2, 3, 5)
    assert (result == 0).all()


# Derivatives of all kinds, in blocks


def test_blocks_have_derivatives_of_all_orders(qkv):
    directions = [sample(*x.shape, seed=9) for x in qkv]
    weights = sample(*qkv[0].shape, seed=7)

    def loss(attend):
        return lambda q, k, v: (attend(q, k, v) * weights).sum()

    def in_blocks(q, k, v):
        return nn.scaled_dot_product_attention(q, k, v, is_causal=True)

    def formula(q, k, v):
        return attention(q, k, v, is_causal=True)

    second = []
    for attend in (in_blocks, formula):
        gradient = compiler.grad(loss(attend), argnums=(0, 1, 2))
        forward = compiler.jvp(attend, tuple(qkv), tuple(directions))[1]
        forward_of_reverse = compiler.jvp(gradient, tuple(qkv), tuple(directions))[1]
        reverse_of_reverse = compiler.grad(
            lambda *x, gradient=gradient: sum((g * d).sum() for g, d in zip(gradient(*x), directions, strict=True)), 0
        )(*qkv)
        second.append([forward, *forward_of_reverse, reverse_of_reverse])
    for got, want in zip(*second, strict=True):
        assert_close(got, want, units=4096)


def test_attention_can_be_mapped_over_examples(qkv):
    batched = compiler.vmap(nn.scaled_dot_product_attention)(*qkv)
    assert_close(batched, attention(*qkv))


# Memory


def buffers(lowered):
    """The sizes, in elements, of all buffers of a program."""
    shapes = re.findall(r"memref<((?:\d+x)+)f64", lowered.as_text("bufferized"))
    return [math.prod(map(int, shape[:-1].split("x"))) for shape in shapes]


@pytest.mark.parametrize("is_causal", [False, True])
def test_memory_is_linear_in_the_length_of_sequences(is_causal):
    def loss(q, k, v):
        return (nn.scaled_dot_product_attention(q, k, v, is_causal=is_causal) ** 2).sum()

    def memory(length):
        arrays = [np.ones((3, length, 8))] * 3
        lowered = compiler.jit(compiler.grad(loss, argnums=(0, 1, 2))).lower(*arrays)
        assert max(buffers(lowered)) <= max(QUERY_BLOCK * length, 3 * length * 8)
        return lowered.memory_analysis().temp_size_in_bytes

    assert memory(4096) < 2.2 * memory(2048)


def test_heads_that_share_keys_do_not_repeat_them():
    q, k = np.ones((8, 1, 16)), np.ones((2, 5000, 16))
    lowered = compiler.jit(lambda q, k: nn.scaled_dot_product_attention(q, k, k, enable_gqa=True)).lower(q, k)
    assert max(buffers(lowered)) == k.size
    assert lowered.memory_analysis().temp_size_in_bytes < k.nbytes


# Dropout


@LENGTHS
def test_dropout_drops_that_share_of_the_weights_and_keeps_the_mean(length):
    weights = nn.scaled_dot_product_attention(
        np.zeros((3, length, 2)),
        np.zeros((3, length, 2)),
        np.eye(length) * length,
        dropout_p=0.25,
        rng_key=random.key(3),
    )
    share = np.mean(weights == 0)
    assert abs(share - 0.25) < 5 * math.sqrt(0.25 * 0.75 / weights.size)
    assert_close(weights[weights != 0], np.float64(4 / 3))
    heads = (weights == 0).reshape(3, -1)
    assert (heads[0] != heads[1]).any()
    assert (heads[:, :-length] != heads[:, length:]).any()


@LENGTHS
def test_dropout_is_the_same_in_the_derivative(length):
    q, k, v = (sample(1, length, 2, seed=seed) for seed in range(3))

    def attend(v):
        return nn.scaled_dot_product_attention(q, k, v, dropout_p=0.5, rng_key=random.key(3))

    cotangent = sample(1, length, 2, seed=7)
    gradient = compiler.grad(lambda v: (attend(v) * cotangent).sum())(v)
    assert_close((gradient * v).sum(), (attend(v) * cotangent).sum(), units=4096)


def test_dropping_all_leaves_zeros():
    x = sample(4, 3)
    assert (nn.scaled_dot_product_attention(x, x, x, dropout_p=1.0, rng_key=random.key(0)) == 0).all()


# A cache of keys and values


def test_attention_with_a_cache_is_causal_attention_of_the_whole():
    q, k, v = sample(2, 6, 9, 4), sample(2, 3, 9, 4, seed=1), sample(2, 3, 9, 5, seed=2)
    whole = nn.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
    cache = {"key": np.zeros((2, 3, 12, 4)), "value": np.zeros((2, 3, 12, 5))}
    prompt, cache = nn.cached_attention(q[..., :5, :], k[..., :5, :], v[..., :5, :], cache, 0, enable_gqa=True)
    assert_close(prompt, whole[..., :5, :])

    def step(carry, new):
        cache, position = carry
        result, cache = nn.cached_attention(*new, cache, position, enable_gqa=True)
        return (cache, position + 1), result

    def generate(cache, q, k, v):
        tokens = [np.moveaxis(x, 2, 0)[:, :, :, None] for x in (q, k, v)]
        return compiler.scan(step, (cache, np.int64(5)), tuple(tokens))

    rest = [x[..., 5:, :] for x in (q, k, v)]
    (cache, position), results = generate(cache, *rest)
    assert position == 9
    assert_close(np.moveaxis(results[:, :, :, 0], 0, 2), whole[..., 5:, :])
    assert_close(cache["key"][..., :9, :], k)
    _, _, loop = compiler.jit(generate).lower(cache, *rest).as_text("bufferized").partition("scf.for")
    assert loop
    assert "memref.copy" not in loop  # the cache is updated in place


def test_a_long_prompt_is_attended_to_in_blocks():
    q = sample(1, QUERY_BLOCK + 40, 4)
    cache = {"key": np.zeros((1, 200, 4)), "value": np.zeros((1, 200, 4))}
    results = [nn.cached_attention(q, q, q, cache, position)[0] for position in (0, np.int64(0))]
    for result in results:
        assert_close(result, attention(q, q, q, is_causal=True))


# Several heads


def test_grouped_heads_are_heads_with_equal_keys():
    x = sample(2, 5, 8)
    params = nn.init.multi_head_attention(random.key(0), 8, 4, num_kv_heads=2, dtype=F64)
    q, k, v = np.split(params["in_proj_weight"], [8, 12])
    repeated = [np.repeat(w.reshape(2, 2, 8), 2, axis=0).reshape(8, 8) for w in (k, v)]
    wide = {**params, "in_proj_weight": np.concatenate([q, *repeated]), "in_proj_bias": None}
    for settings in ({"is_causal": True}, {"need_weights": True, "average_attn_weights": False}):
        got = nn.multi_head_attention(x, x, x, 4, **params, num_kv_heads=2, **settings)
        want = nn.multi_head_attention(x, x, x, 4, **wide, **settings)
        for one, other in zip(got, want, strict=True):
            assert (one is None) == (other is None)
            if one is not None:
                assert_close(one, other)


def test_keys_that_are_added_are_seen_by_all_queries_of_causal_attention():
    x = sample(2, 5, 8)
    params = nn.init.multi_head_attention(random.key(0), 8, 2, add_bias_kv=True, dtype=F64)
    hidden = ~np.tri(5, dtype=bool)
    settings = {"add_zero_attn": True, "need_weights": True}
    got = nn.multi_head_attention(x, x, x, 2, **params, **settings, is_causal=True)
    want = nn.multi_head_attention(x, x, x, 2, **params, **settings, attn_mask=hidden)
    for one, other in zip(got, want, strict=True):
        assert_close(one, other)
    assert (got[1][..., 0, 1:5] == 0).all()
    assert (got[1][..., 5:] > 0).all()


def test_keys_that_are_added_are_seen_when_the_only_key_is_hidden():
    x = sample(1, 1, 8)
    params = nn.init.multi_head_attention(random.key(0), 8, 2, add_bias_kv=True, dtype=F64)
    for mask in ({"key_padding_mask": np.array([[True]])}, {"attn_mask": np.array([[-np.inf]])}):
        _, weights = nn.multi_head_attention(x, x, x, 2, **params, **mask, need_weights=True)
        assert weights.tolist() == [[[0.0, 1.0]]]


def test_heads_without_a_batch_and_with_several_dimensions_of_it():
    x = sample(2, 3, 5, 8)
    params = nn.init.multi_head_attention(random.key(0), 8, 2, dtype=F64)
    whole = nn.multi_head_attention(x, x, x, 2, **params)[0]
    assert_close(whole[1, 2], nn.multi_head_attention(x[1, 2], x[1, 2], x[1, 2], 2, **params)[0])


def test_queries_for_all_examples_alike():
    x = sample(3, 5, 8)
    params = nn.init.multi_head_attention(random.key(0), 8, 2, dtype=F64)
    padding = np.arange(5) >= np.array([[2], [3], [5]])
    result = nn.multi_head_attention(x[:1], x, x, 2, **params, key_padding_mask=padding)[0]
    alike = np.broadcast_to(x[:1], x.shape)
    assert_close(result, nn.multi_head_attention(alike, x, x, 2, **params, key_padding_mask=padding)[0])


def test_dropout_of_heads_drops_weights():
    x = np.ones((1, 40, 8))
    params = nn.init.multi_head_attention(random.key(0), 8, 2, dtype=F64)
    settings = {"dropout_p": 0.5, "rng_key": random.key(1), "need_weights": True, "average_attn_weights": False}
    _, weights = nn.multi_head_attention(x, x, x, 2, **params, **settings)
    assert abs(np.mean(weights == 0) - 0.5) < 5 * 0.5 / math.sqrt(weights.size)


def test_initial_parameters_are_distributed_as_they_should_be():
    params = nn.init.multi_head_attention(random.key(0), 64, 4, add_bias_kv=True, kdim=32)
    assert params["q_proj_weight"].dtype == F32
    for weight, bound in (
        (params["q_proj_weight"], math.sqrt(6 / 128)),
        (params["k_proj_weight"], math.sqrt(6 / 96)),
        (params["out_proj"]["weight"], 1 / 8),
    ):
        assert abs(weight.std() / (bound / math.sqrt(3)) - 1) < 0.05
        assert 0.98 * bound < np.abs(weight).max() <= bound
    assert 0.08 < params["bias_k"].std() < 0.17
    assert (params["in_proj_bias"] == 0).all()
    assert (params["bias_k"] != params["bias_v"]).all()


# Positions


@pytest.mark.parametrize("interleaved", [False, True])
def test_rotations_multiply_pairs_as_complex_numbers(interleaved):
    x = sample(2, 3, 7, 8)
    angles = np.arange(7)[:, None] / 3 * 100.0 ** (-np.arange(3) / 3)
    parts = (x[..., 0:6:2], x[..., 1:6:2]) if interleaved else (x[..., :3], x[..., 3:6])
    turned = (parts[0] + 1j * parts[1]) * np.exp(1j * angles)
    turned = (turned.real, turned.imag)
    wanted = np.stack(turned, -1).reshape(2, 3, 7, 6) if interleaved else np.concatenate(turned, -1)
    got = nn.rotary_embedding(x, base=100.0, interleaved=interleaved, rotary_dim=6, scaling=3.0)
    assert_close(got, np.concatenate([wanted, x[..., 6:]], -1))


def test_products_of_rotated_vectors_depend_on_distances_alone():
    q, k = sample(1, 8), sample(1, 8, seed=1)

    def product(i, j):
        return (nn.rotary_embedding(q, np.array([i])) * nn.rotary_embedding(k, np.array([j]))).sum()

    assert_close(product(5, 2), product(105, 102), units=1024)


def test_traced_positions_rotate_alike_even_far_away():
    x = sample(2, 3, 8, dtype=F32)
    positions = np.array([[0, 1, 100_000], [7, 8, 9]])
    traced = compiler.jit(lambda positions: nn.rotary_embedding(x, positions))(positions)
    assert traced.dtype == F32
    assert_close(traced, nn.rotary_embedding(x.astype(F64), positions), units=8)


def test_sinusoidal_positions_are_their_formula():
    got = nn.sinusoidal_positions(np.arange(50), 6, dtype=F64)
    for i in range(3):
        angle = np.arange(50) / 10000 ** (2 * i / 6)
        assert_close(got[:, 2 * i], np.sin(angle))
        assert_close(got[:, 2 * i + 1], np.cos(angle))


def test_alibi_slopes_for_numbers_that_are_no_powers_of_two():
    assert nn.alibi_slopes(8, F64).tolist() == [2.0**-i for i in range(1, 9)]
    assert nn.alibi_slopes(12, F64).tolist() == [2.0**-i for i in range(1, 9)] + [2.0 ** (-i / 2) for i in (1, 3, 5, 7)]


def test_alibi_is_a_penalty_of_distances():
    q, k, v = (sample(2, 4, 9, 3, seed=seed) for seed in range(3))
    distances = np.arange(9)[:, None] - np.arange(9)
    wanted = attention(q, k, v, -nn.alibi_slopes(4, F64)[:, None, None] * distances, is_causal=True)
    bias = nn.alibi_bias(4, 9, F64)
    assert bias.shape == (4, 1, 9)
    assert_close(nn.scaled_dot_product_attention(q, k, v, bias, is_causal=True), wanted)


# What is refused

X = np.ones((2, 5, 4))
REFUSED = {
    "no sequence": (lambda: nn.scaled_dot_product_attention(np.ones(4), X, X), compiler.ShapeError, "at least two dim"),
    "sizes of keys": (lambda: nn.scaled_dot_product_attention(X, X[..., :3], X), compiler.ShapeError, "the same E"),
    "numbers of values": (lambda: nn.scaled_dot_product_attention(X, X, X[:, 1:]), compiler.ShapeError, "the same S"),
    "leading sizes": (
        lambda: nn.scaled_dot_product_attention(X, np.ones((3, 5, 4)), np.ones((3, 5, 4))),
        compiler.ShapeError,
        r"key \(3, 5, 4\).* leading sizes",
    ),
    "shape of a mask": (
        lambda: nn.scaled_dot_product_attention(X, X, X, np.ones((5, 6), bool)),
        compiler.ShapeError,
        r"attn_mask \(5, 6\)",
    ),
    "a mask for other heads": (
        lambda: nn.scaled_dot_product_attention(
            np.ones((6, 5, 4)), X, X, np.ones((3, 5, 5), bool), enable_gqa=True
        ),
        compiler.ShapeError,
        r"attn_mask \(3, 5, 5\)",
    ),
    "integer mask": (
        lambda: nn.scaled_dot_product_attention(X, X, X, np.ones((5, 5), int)),
        compiler.DtypeError,
        "the mask has dtype int64; use booleans",
    ),
    "integers": (lambda: nn.scaled_dot_product_attention(X.astype(int), X, X), compiler.DtypeError, "int64"),
    "probability": (lambda: nn.scaled_dot_product_attention(X, X, X, None, 1.5), compiler.ArgumentError, "is 1.5"),
    "no random key": (lambda: nn.scaled_dot_product_attention(X, X, X, None, 0.5), compiler.ArgumentError, "rng_key"),
    "heads in groups": (
        lambda: nn.scaled_dot_product_attention(np.ones((3, 5, 4)), X, X, enable_gqa=True),
        compiler.ShapeError,
        "a multiple in query",
    ),
    "room in a cache": (
        lambda: nn.cached_attention(X, X, X, {"key": np.zeros((2, 8, 4)), "value": np.zeros((2, 8, 4))}, 4),
        compiler.ShapeError,
        "5 tokens at 4 have no room in a cache of 8",
    ),
    "shape of a cache": (
        lambda: nn.cached_attention(X, X, X, {"key": np.zeros((8, 4)), "value": np.zeros((8, 4))}, 0),
        compiler.ShapeError,
        r"a cache of \(8, 4\)",
    ),
    "heads of a size": (
        lambda: nn.multi_head_attention(X, X, X, 3, np.ones((12, 4)), None, {"weight": np.ones((4, 4))}),
        compiler.ArgumentError,
        "3 heads of queries",
    ),
    "no parameters": (lambda: nn.multi_head_attention(X, X, X, 2), compiler.ArgumentError, "parameters are missing"),
    "no sequence of heads": (
        lambda: nn.multi_head_attention(np.ones(4), X, X, 2, np.ones((12, 4)), None, {"weight": np.ones((4, 4))}),
        compiler.ShapeError,
        r"query \(4,\), key \(2, 5, 4\)",
    ),
    "packed rows": (
        lambda: nn.multi_head_attention(X, X, X, 2, np.ones((11, 4)), None, {"weight": np.ones((4, 4))}),
        compiler.ShapeError,
        "expected 12 rows",
    ),
    "padding": (
        lambda: nn.multi_head_attention(
            X, X, X, 2, np.ones((12, 4)), None, {"weight": np.ones((4, 4))}, key_padding_mask=np.ones((2, 4), bool)
        ),
        compiler.ShapeError,
        r"key_padding_mask has shape \(2, 4\), expected \(2, 5\)",
    ),
    "odd rotation": (lambda: nn.rotary_embedding(X[..., :3]), compiler.ArgumentError, "3 of 3 elements"),
    "positions": (lambda: nn.rotary_embedding(X, np.arange(4)), compiler.ShapeError, r"positions \(4,\)"),
    "odd waves": (lambda: nn.sinusoidal_positions(np.arange(3), 5), compiler.ArgumentError, "dim is 5"),
    "no heads": (lambda: nn.alibi_slopes(0), compiler.ArgumentError, "num_heads is 0"),
    "no heads to begin with": (
        lambda: nn.init.multi_head_attention(random.key(0), 8, 3),
        compiler.ArgumentError,
        "3 heads of queries",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused(case):
    call, error, message = REFUSED[case]
    with pytest.raises(error, match=message):
        call()
