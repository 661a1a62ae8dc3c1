"""`compiler.nn`'s attention against PyTorch: values, and gradients with respect to all that has one."""

import numpy as np
import pytest

import compiler
from compiler import nn

torch = pytest.importorskip("torch", reason="PyTorch, which results are compared with, is not installed")
functional = torch.nn.functional

F32, F64 = np.float32, np.float64
TOLERANCES = {F32: 1e-4, F64: 1e-10}


def sample(rng, *shape, dtype=F64):
    return rng.standard_normal(shape).astype(dtype)


def tensors(arrays):
    return [torch.tensor(x, requires_grad=True) for x in arrays]


def assert_equal(got, want, dtype):
    want = want.detach().numpy()
    assert np.asarray(got).shape == want.shape
    assert np.asarray(got).dtype == dtype
    tolerance = TOLERANCES[dtype]
    np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance * np.abs(want).max(initial=1e-3))


def assert_like_torch(ours, theirs, arrays, dtype):
    """Equal values, and equal gradients of a weighted sum, with respect to all `arrays`."""
    inputs = tensors(arrays)
    expected = theirs(*inputs)
    weights = sample(np.random.default_rng(9), *expected.shape, dtype=dtype)
    expected_gradients = torch.autograd.grad((expected * torch.tensor(weights)).sum(), inputs)

    @compiler.jit
    def value_and_gradients(*arrays):
        value, pullback = compiler.vjp(ours, *arrays)
        return value, pullback(weights)

    value, gradients = value_and_gradients(*arrays)
    assert_equal(value, expected, dtype)
    for got, want in zip(gradients, expected_gradients, strict=True):
        assert_equal(got, want, dtype)


# scaled_dot_product_attention: shapes of query, key and value, then the mask and the settings

SHORT = {
    "plain": ((2, 3, 5, 4), (2, 3, 7, 4), (2, 3, 7, 6), None, {}),
    "two dimensions": ((5, 4), (7, 4), (7, 6), None, {}),
    "three dimensions": ((3, 5, 4), (3, 7, 4), (3, 7, 4), None, {"scale": 0.3}),
    "five dimensions, causal": ((2, 1, 3, 6, 4), (2, 1, 3, 6, 4), (2, 1, 3, 6, 4), None, {"is_causal": True}),
    "causal, more keys": ((2, 5, 4), (2, 9, 4), (2, 9, 4), None, {"is_causal": True}),
    "causal, more queries": ((2, 9, 4), (2, 5, 4), (2, 5, 3), None, {"is_causal": True}),
    "boolean mask": ((2, 3, 5, 4), (2, 3, 7, 4), (2, 3, 7, 4), (bool, (5, 7)), {}),
    "mask of keys": ((2, 3, 5, 4), (2, 3, 7, 4), (2, 3, 7, 4), (bool, (2, 1, 1, 7)), {}),
    "number mask": ((2, 3, 5, 4), (2, 3, 7, 4), (2, 3, 7, 4), (float, (3, 5, 7)), {}),
    "number mask for all": ((2, 3, 5, 4), (2, 3, 7, 4), (2, 3, 7, 4), (float, (1, 1, 1, 7)), {}),
    "grouped": ((2, 6, 5, 4), (2, 2, 7, 4), (2, 2, 7, 3), None, {"enable_gqa": True}),
    "grouped, mask of heads": ((2, 6, 5, 4), (2, 2, 7, 4), (2, 2, 7, 3), (float, (6, 5, 7)), {"enable_gqa": True}),
    "leading sizes broadcast": ((3, 2, 5, 4), (2, 7, 4), (1, 2, 7, 4), None, {}),
    "size one": ((1, 1, 1, 1), (1, 1, 1, 1), (1, 1, 1, 1), None, {}),
}
LONG = {
    "a multiple of the block": ((1, 2, 256, 8), (1, 2, 192, 8), (1, 2, 192, 5), None, {}),
    "a prime number of queries": ((3, 139, 4), (3, 131, 4), (3, 131, 4), None, {}),
    "causal": ((2, 2, 300, 4), (2, 2, 300, 4), (2, 2, 300, 4), None, {"is_causal": True}),
    "causal, more keys": ((2, 257, 4), (2, 400, 4), (2, 400, 4), None, {"is_causal": True}),
    "causal, more queries": ((2, 400, 4), (2, 150, 4), (2, 150, 4), None, {"is_causal": True}),
    "boolean mask": ((2, 2, 149, 4), (2, 2, 170, 4), (2, 2, 170, 4), (bool, (149, 170)), {}),
    "mask of keys, causal": ((2, 2, 260, 4), (2, 2, 260, 4), (2, 2, 260, 4), (bool, (2, 1, 1, 260)), {"is_causal": True}),
    "number mask": ((2, 2, 149, 4), (2, 2, 170, 4), (2, 2, 170, 4), (float, (2, 1, 149, 170)), {}),
    "grouped, causal": ((2, 6, 144, 4), (2, 2, 144, 4), (2, 2, 144, 3), None, {"enable_gqa": True, "is_causal": True}),
    "grouped, mask of heads": ((4, 144, 4), (2, 144, 4), (2, 144, 4), (float, (4, 1, 144)), {"enable_gqa": True}),
}  # fmt: skip
CASES = {f"{length}: {name}": case for length, of in (("short", SHORT), ("long", LONG)) for name, case in of.items()}


@pytest.mark.parametrize("dtype", [F32, F64], ids=["float32", "float64"])
@pytest.mark.parametrize("case", CASES)
def test_attention_is_that_of_pytorch(case, dtype):
    *shapes, mask, settings = CASES[case]
    rng = np.random.default_rng(len(case))
    arrays = [sample(rng, *shape, dtype=dtype) for shape in shapes]
    if mask is None:
        assert_like_torch(
            lambda q, k, v: nn.scaled_dot_product_attention(q, k, v, **settings),
            lambda q, k, v: functional.scaled_dot_product_attention(q, k, v, **settings),
            arrays,
            dtype,
        )
    elif mask[0] is float:
        assert_like_torch(
            lambda q, k, v, m: nn.scaled_dot_product_attention(q, k, v, m, **settings),
            lambda q, k, v, m: functional.scaled_dot_product_attention(q, k, v, m, **settings),
            [*arrays, sample(rng, *mask[1], dtype=dtype)],
            dtype,
        )
    else:
        seen = rng.random(mask[1]) < 0.6
        seen[..., -1, :] = False  # a query without any key
        assert_like_torch(
            lambda q, k, v: nn.scaled_dot_product_attention(q, k, v, seen, **settings),
            lambda q, k, v: functional.scaled_dot_product_attention(q, k, v, torch.tensor(seen), **settings),
            arrays,
            dtype,
        )


# multi_head_attention

MODULES = {
    "self-attention": ({}, {}, 8, 8),
    "no biases": ({"bias": False}, {}, 8, 8),
    "sizes of keys and values": ({"kdim": 6, "vdim": 10}, {}, 6, 10),
    "more keys": ({"add_bias_kv": True, "add_zero_attn": True}, {}, 8, 8),
    "boolean mask": ({}, {"attn_mask": "bool"}, 8, 8),
    "mask of heads": ({}, {"attn_mask": "heads"}, 8, 8),
    "padding": ({}, {"key_padding_mask": "bool"}, 8, 8),
    "both masks, more keys": ({"add_bias_kv": True}, {"attn_mask": "float", "key_padding_mask": "float"}, 8, 8),
}


@pytest.mark.parametrize("average", [None, True, False], ids=["no weights", "mean weights", "weights"])
@pytest.mark.parametrize("case", MODULES)
def test_multi_head_attention_is_that_of_pytorch(case, average):
    options, masks, kdim, vdim = MODULES[case]
    rng = np.random.default_rng(len(case))
    batch, queries, keys = 2, 5, 7
    module = torch.nn.MultiheadAttention(8, 4, batch_first=True, dtype=torch.float64, **options)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter)
    given = {
        name: {
            "bool": rng.random((queries, keys) if name == "attn_mask" else (batch, keys)) < 0.3,
            "float": sample(rng, *((queries, keys) if name == "attn_mask" else (batch, keys))),
            "heads": sample(rng, batch * 4, queries, keys),
        }[kind]
        for name, kind in masks.items()
    }
    arrays = [sample(rng, batch, n, size) for n, size in ((queries, 8), (keys, kdim), (keys, vdim))]
    state = {name: x.detach().numpy() for name, x in module.state_dict().items()}
    params = {name: x for name, x in state.items() if "." not in name}
    params["out_proj"] = {name.partition(".")[2]: x for name, x in state.items() if "." in name}
    settings = {} if average is None else {"need_weights": True, "average_attn_weights": average}
    settings["add_zero_attn"] = options.get("add_zero_attn", False)

    def theirs(q, k, v):
        flags = {"need_weights": average is not None, "average_attn_weights": bool(average)}
        return module(q, k, v, **{name: torch.tensor(x) for name, x in given.items()}, **flags)

    got = nn.multi_head_attention(*arrays, 4, **params, **given, **settings)
    want = theirs(*tensors(arrays))
    assert_equal(got[0], want[0], F64)
    assert (got[1] is None) == (want[1] is None)
    if want[1] is not None:
        assert_equal(got[1], want[1], F64)
    if average is None:
        ours = lambda q, k, v: nn.multi_head_attention(q, k, v, 4, **params, **given, **settings)[0]  # noqa: E731
        assert_like_torch(ours, lambda *arrays: theirs(*arrays)[0], arrays, F64)


def test_initial_parameters_have_the_names_and_shapes_of_pytorch():
    for options in ({}, {"bias": False}, {"kdim": 6, "vdim": 8}, {"add_bias_kv": True}):
        module = torch.nn.MultiheadAttention(8, 4, **options)
        params = nn.init.multi_head_attention(compiler.random.key(0), 8, 4, **options)
        inner = params.pop("out_proj")
        shapes = {name: x.shape for name, x in params.items()}
        shapes |= {f"out_proj.{name}": x.shape for name, x in inner.items()}
        assert shapes == {name: tuple(x.shape) for name, x in module.state_dict().items()}
