"""Linear maps, embeddings and distances, and their derivatives, are PyTorch's."""

import numpy as np
import pytest
from torch_comparison import DTYPES, assert_as_torch, normal, torch

from compiler import nn

TABLE = normal(7, 3)
BAGS = np.array([[0, 3, 3, 6], [1, 0, 5, 2], [2, 2, 2, 2]])


@DTYPES
@pytest.mark.parametrize("leading", [(), (4,), (2, 1, 3)])
def test_linear_is_pytorchs(leading, dtype):
    assert_as_torch("linear", dtype, normal(*leading, 5), normal(3, 5, seed=1), normal(3, seed=2))
    assert_as_torch("linear", dtype, normal(*leading, 5), normal(3, 5, seed=1))


@DTYPES
@pytest.mark.parametrize(("leading", "out"), [((), 2), ((4,), 2), ((2, 3), 6)])
def test_bilinear_is_pytorchs(leading, out, dtype):
    operands = normal(*leading, 5), normal(*leading, 4, seed=1), normal(out, 5, 4, seed=2), normal(out, seed=3)
    assert_as_torch("bilinear", dtype, *operands)


def test_one_hot_is_pytorchs():
    index = np.array([[0, 4], [2, 2]])
    for classes in (-1, 6):
        want = torch.nn.functional.one_hot(torch.from_numpy(index), classes).numpy()
        got = nn.one_hot(index, classes)
        assert got.dtype == want.dtype
        np.testing.assert_array_equal(got, want)


@DTYPES
@pytest.mark.parametrize("padding", [None, 3, -1])
def test_embedding_is_pytorchs(padding, dtype):
    assert_as_torch("embedding", dtype, BAGS, TABLE, padding_idx=padding)


@DTYPES
@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
@pytest.mark.parametrize("padding", [None, 2])
def test_embedding_bag_is_pytorchs(mode, padding, dtype):
    assert_as_torch("embedding_bag", dtype, BAGS, TABLE, mode=mode, padding_idx=padding)
    offsets = np.array([0, 5, 5, 7])
    assert_as_torch("embedding_bag", dtype, BAGS.reshape(-1), TABLE, offsets, mode=mode, padding_idx=padding)


@DTYPES
def test_embedding_bag_with_weights_is_pytorchs(dtype):
    weights = normal(3, 4, seed=1)
    assert_as_torch("embedding_bag", dtype, BAGS, TABLE, mode="sum", per_sample_weights=weights)
    offsets = np.array([0, 5, 5, 12])
    flat = BAGS.reshape(-1), TABLE, offsets
    settings = {"mode": "sum", "per_sample_weights": weights.reshape(-1), "include_last_offset": True}
    assert_as_torch("embedding_bag", dtype, *flat, **settings)


@DTYPES
@pytest.mark.parametrize("dim", [0, -1])
def test_cosine_similarity_is_pytorchs(dim, dtype):
    assert_as_torch("cosine_similarity", dtype, normal(4, 5), normal(4, 5, seed=1), dim=dim)
    assert_as_torch("cosine_similarity", dtype, normal(4, 1, 5), normal(3, 5, seed=1), dim=2)


@DTYPES
@pytest.mark.parametrize("p", [1.0, 2.0, 3.5, np.inf])
def test_distances_are_pytorchs(p, dtype):
    assert_as_torch("pairwise_distance", dtype, normal(4, 5), normal(4, 5, seed=1), p=p, keepdim=True)
    assert_as_torch("pdist", dtype, normal(6, 5), p=p)
    assert_as_torch("normalize", dtype, normal(4, 5), p=p, dim=1)


@DTYPES
def test_distances_have_pytorchs_derivatives_where_they_vanish(dtype):
    x = np.zeros((3, 4))
    x[0] = [1.0, 0.0, 2.0, 0.0]
    assert_as_torch("pdist", dtype, x)
    assert_as_torch("normalize", dtype, x, dim=1)
    assert_as_torch("pairwise_distance", dtype, x, x.copy(), eps=0.0)
