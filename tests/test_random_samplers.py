"""The samplers of `compiler.random` have the distributions that they promise, derivatives, and errors.

Seeds are fixed, so a test does not fail by chance once it has passed. A right sampler passes a new seed with a probability of
at least 0.999: a p-value below 0.001 fails.
"""

import numpy as np
import pytest
from scipy import special, stats

import compiler
from compiler import random

KEY = random.key(20261126)
LEVEL = 0.001
SIZE = 20000

CONTINUOUS = {
    "uniform": (random.uniform, stats.uniform()),
    "normal": (random.normal, stats.norm()),
    "exponential": (random.exponential, stats.expon()),
    "gumbel": (random.gumbel, stats.gumbel_r()),
    "laplace": (random.laplace, stats.laplace()),
    "logistic": (random.logistic, stats.logistic()),
    "cauchy": (random.cauchy, stats.cauchy()),
}


def assert_distributed(numbers, distribution):
    """A Kolmogorov-Smirnov test."""
    p = stats.kstest(np.asarray(numbers, np.float64).reshape(-1), distribution.cdf).pvalue
    assert p > LEVEL


def assert_frequent(values, expected):
    """A chi-squared test of integers against the probabilities of 0, 1, …."""
    counts = np.bincount(np.asarray(values).reshape(-1), minlength=len(expected))
    assert len(counts) == len(expected)
    possible = expected > 0
    assert not counts[~possible].any()
    if possible.sum() > 1:
        assert stats.chisquare(counts[possible], expected[possible] * counts.sum()).pvalue > LEVEL


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", CONTINUOUS)
def test_continuous_numbers_follow_their_distribution(name, dtype):
    sampler, distribution = CONTINUOUS[name]
    numbers = sampler(KEY, (SIZE,), dtype)
    assert numbers.dtype == dtype
    assert np.isfinite(numbers).all()
    assert_distributed(numbers, distribution)
    assert sampler(KEY, 3).shape == (3,)
    assert sampler(KEY).dtype == np.float64


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_moments_of_normal_numbers(dtype):
    x = random.normal(KEY, (10 * SIZE,), dtype).astype(np.float64)
    # of the mean of x**n, in standard deviations
    for power, mean, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert abs((x**power).mean() - mean) < 4 * np.sqrt(variance / len(x))


@pytest.mark.parametrize(
    ("lower", "upper"), [(-1.0, 2.0), (3.0, np.inf), (-np.inf, -6.0), (-np.inf, np.inf), (8.0, 8.5)]
)
def test_truncated_normal_numbers_follow_their_distribution(lower, upper):
    for dtype in (np.float32, np.float64):
        numbers = random.truncated_normal(KEY, lower, upper, (SIZE,), dtype)
        assert numbers.dtype == dtype
        assert numbers.min() >= lower
        assert numbers.max() <= upper
        assert np.isfinite(numbers).all()
        assert_distributed(numbers, stats.truncnorm(lower, upper))


def test_truncated_normal_numbers_beyond_all_probability_are_the_nearer_bound():
    assert random.truncated_normal(KEY, np.full(3, 50.0), 60.0).tolist() == [50.0] * 3
    assert random.truncated_normal(KEY, np.full(3, -np.inf), -60.0).tolist() == [-60.0] * 3


def test_truncated_normal_numbers_move_with_the_bounds():
    bounds = np.array([0.5, 1.5])

    def draw(bounds):
        return random.truncated_normal(KEY, bounds[0], bounds[1], (5,))

    got = compiler.jit(compiler.vmap(lambda d: compiler.jvp(draw, (bounds,), (d,))[1]))(np.eye(2))
    step = 1e-6
    want = [(draw(bounds + step * d) - draw(bounds - step * d)) / (2 * step) for d in np.eye(2)]
    np.testing.assert_allclose(got, want, rtol=1e-7)


def test_uniform_numbers_stay_below_the_upper_bound():
    low, high = np.float32(1), np.nextafter(np.float32(1), np.float32(2))
    np.testing.assert_array_equal(random.uniform(KEY, (1000,), np.float32, low, high), low)
    x = random.uniform(KEY, (3, SIZE), np.float64, np.array([[0.0], [-5.0], [2.0]]), np.array([[1.0], [-1.0], [2.0]]))
    assert_distributed(x[0], stats.uniform())
    assert_distributed(x[1], stats.uniform(-5, 4))
    np.testing.assert_array_equal(x[2], 2.0)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64])
def test_integers_are_equally_likely(dtype):
    numbers = random.randint(KEY, (SIZE,), 3, 13, dtype)
    assert numbers.dtype == dtype
    assert_frequent(numbers - dtype(3), np.full(10, 0.1))
    info = np.iinfo(dtype)
    whole = random.randint(KEY, (SIZE,), info.min, info.max + 1, dtype)
    assert_distributed((whole.astype(np.float64) - info.min + 0.5) / 2.0**info.bits, stats.uniform())
    np.testing.assert_array_equal(random.randint(KEY, (9,), info.max, info.max + 1, dtype), info.max)


def test_integers_of_wide_ranges_are_equally_likely():
    size = 3 * 2**61  # not a power of two: what a remainder of 64 bits would get wrong by a third
    numbers = random.randint(KEY, (SIZE,), 0, size)
    assert_distributed(numbers / size, stats.uniform())


def test_integers_of_an_empty_range_are_the_lower_bound():
    np.testing.assert_array_equal(random.randint(KEY, (4,), 7, 7), 7)
    np.testing.assert_array_equal(
        random.randint(KEY, (2, 3), np.array([[5], [-5]]), np.array([-6, -5, -9])), [[5] * 3, [-5] * 3]
    )
    np.testing.assert_array_equal(random.randint(KEY, (4,), 3, -128, np.int8), 3)


def test_bounds_of_integers_broadcast_and_may_be_traced():
    high = np.array([2, 30, 400])
    got = compiler.jit(lambda high: random.randint(KEY, (500, 3), -high, high))(high)
    assert (got >= -high).all()
    assert (got < high).all()
    assert (got.max(axis=0) > 0.9 * (high - 2)).all()


@pytest.mark.parametrize("p", [0.0, 0.25, np.float32(0.9), 1.0])
def test_decisions_are_as_likely_as_they_should(p):
    assert_frequent(random.bernoulli(KEY, p, (SIZE,)).astype(np.int64), np.array([1 - p, p], np.float64))


def test_signs_are_equally_likely():
    assert_frequent((random.rademacher(KEY, (SIZE,)) + 1) // 2, np.array([0.5, 0.5]))
    assert random.rademacher(KEY, (2,), np.float32).dtype == np.float32


def test_categories_are_as_likely_as_their_weights():
    weights = np.array([[0.1, 0.2, 0.0, 0.7], [1.0, 1.0, 1.0, 1.0]])
    with np.errstate(divide="ignore"):
        logits = np.log(weights) + np.array([[3.0], [-2.0]])
    chosen = random.categorical(KEY, logits, shape=(SIZE, 2))
    assert chosen.shape == (SIZE, 2)
    for row in (0, 1):
        assert_frequent(chosen[:, row], weights[row] / weights[row].sum())
    along = random.categorical(KEY, logits.T, axis=0)
    assert along.shape == (2,)
    assert random.categorical(KEY, logits.astype(np.float32)[0]).shape == ()


@pytest.mark.parametrize("lam", [0.0, 0.3, 5.0, 9.99, 10.0, 60.0])
def test_poisson_numbers_are_as_likely_as_they_should(lam):
    numbers = random.poisson(KEY, lam, (SIZE,))
    last = int(lam + 3.5 * np.sqrt(lam))
    expected = np.append(stats.poisson(lam).pmf(np.arange(last)), stats.poisson(lam).sf(last - 1))
    first = np.argmax(expected > 5 / SIZE)  # a test of frequencies needs some of each
    expected = np.append(expected[: first + 1].sum(), expected[first + 1 :])
    assert_frequent(np.clip(numbers, first, last) - first, expected)


def test_poisson_numbers_of_many_expected_ones_together():
    lam = np.array([0.5, 1e3, 1e9, -1.0, np.nan])
    keys = random.split(KEY, 500)
    got = compiler.vmap(lambda key: random.poisson(key, lam))(keys)
    np.testing.assert_array_equal(got[3], random.poisson(keys[3], lam))
    assert (got[:, 3:] == -1).all()
    scaled = (got[:, :3] - lam[:3]) / np.sqrt(lam[:3])
    assert np.abs(scaled.mean(axis=0)).max() < 4 / np.sqrt(500)
    assert np.abs(scaled.var(axis=0) - 1).max() < 0.3


@pytest.mark.parametrize("a", [0.05, 0.7, 1.0, 2.5, 300.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gamma_numbers_follow_their_distribution(a, dtype):
    numbers = random.gamma(KEY, a, (SIZE,), dtype)
    assert numbers.dtype == dtype
    assert_distributed(numbers, stats.gamma(a))
    logs = random.loggamma(KEY, a, (100,), dtype)
    np.testing.assert_allclose(np.exp(logs), numbers[:100], rtol=300 * np.finfo(dtype).eps)


def test_gamma_numbers_depend_on_nothing_but_key_and_position():
    keys = random.split(KEY, 4)
    a = np.array([0.3, 1.0, 40.0])
    got = compiler.vmap(lambda key: random.gamma(key, a))(keys)
    np.testing.assert_array_equal(got, np.stack([random.gamma(key, a) for key in keys]))
    np.testing.assert_array_equal(random.gamma(KEY, 0.3, (50,))[:7], random.gamma(KEY, 0.3, (7,)))
    np.testing.assert_array_equal(
        np.isnan(random.gamma(KEY, np.array([-1.0, 0.0, np.nan, 2.0]))), [True, True, True, False]
    )


def test_gamma_numbers_move_with_the_shape_as_their_quantiles_do():
    a = np.array([0.02, 0.5, 1.0, 1.5, 30.0, 1000.0])
    draw = compiler.jit(lambda a: random.gamma(KEY, a))
    x, slope = draw(a), compiler.jit(compiler.grad(lambda a: random.gamma(KEY, a).sum()))(a)
    quantile = special.gammainc(a, x)
    step = 1e-5 * a
    want = (special.gammaincinv(a + step, quantile) - special.gammaincinv(a - step, quantile)) / (2 * step)
    np.testing.assert_allclose(slope, want, rtol=1e-6)
    _, forward = compiler.jvp(lambda a: random.gamma(KEY, a), (a,), (np.ones(6),))
    np.testing.assert_allclose(forward, slope, rtol=1e-12)


def test_beta_and_dirichlet_numbers_follow_their_distributions():
    assert_distributed(random.beta(KEY, 0.5, 3.0, (SIZE,)), stats.beta(0.5, 3.0))
    alpha = np.array([0.01, 2.0, 5.0])
    points = random.dirichlet(KEY, alpha, (SIZE,))
    np.testing.assert_allclose(points.sum(axis=-1), 1, rtol=1e-14)
    for i in (1, 2):
        assert_distributed(points[:, i], stats.beta(alpha[i], alpha.sum() - alpha[i]))


def test_multivariate_normal_numbers_follow_their_distribution():
    cov = np.array([[2.0, -1.2, 0.3], [-1.2, 1.0, 0.0], [0.3, 0.0, 0.5]])
    mean = np.array([1.0, -2.0, 0.0])
    points = random.multivariate_normal(KEY, mean, cov, (SIZE,))
    assert points.shape == (SIZE, 3)
    for direction in (np.array([1.0, 0, 0]), np.array([1.0, 2.0, -1.0])):
        deviation = np.sqrt(direction @ cov @ direction)
        assert_distributed(points @ direction, stats.norm(mean @ direction, deviation))
    batch = random.multivariate_normal(KEY, mean, np.stack([cov, 4 * cov]), dtype=np.float32)
    assert (batch.shape, batch.dtype) == ((2, 3), np.float32)
    one = random.multivariate_normal(KEY, np.zeros(3), cov)
    np.testing.assert_allclose(np.linalg.cholesky(cov) @ random.normal(KEY, (3,)), one, rtol=1e-12)
    slope = compiler.jit(compiler.grad(lambda scale: random.multivariate_normal(KEY, np.zeros(3), scale * cov).sum()))(
        4.0
    )
    np.testing.assert_allclose(slope, one.sum() / 4, rtol=1e-12)
    assert np.isnan(random.multivariate_normal(KEY, np.zeros(2), -np.eye(2))).all()


def test_permutations_are_equally_likely():
    orders = compiler.vmap(lambda key: random.permutation(key, 4))(random.split(KEY, 6000))
    np.testing.assert_array_equal(np.sort(orders, axis=1), np.broadcast_to(np.arange(4), (6000, 4)))
    _, which = np.unique(orders, axis=0, return_inverse=True)
    assert_frequent(which, np.full(24, 1 / 24))


def test_permutations_shuffle_along_an_axis():
    x = np.arange(60).reshape(3, 20)
    together = random.permutation(KEY, x, axis=1)
    np.testing.assert_array_equal(np.sort(together, axis=1), x)
    np.testing.assert_array_equal(together - together[:1], x - x[:1])
    alone = random.permutation(KEY, x, axis=1, independent=True)
    np.testing.assert_array_equal(np.sort(alone, axis=1), x)
    assert (alone - alone[:1] != x - x[:1]).any()
    assert (
        random.permutation(KEY, x).tolist() != x.tolist() or random.permutation(random.key(1), x).tolist() != x.tolist()
    )


@pytest.mark.parametrize("p", [None, np.array([0.5, 0.0, 0.2, 0.3])])
def test_choices_are_as_likely_as_they_should(p):
    weights = np.full(4, 0.25) if p is None else p
    assert_frequent(random.choice(KEY, 4, (SIZE,), p=p), weights)
    firsts = compiler.vmap(lambda key: random.choice(key, 4, (3,), replace=False, p=p))(random.split(KEY, 6000))
    assert_frequent(firsts[:, 0], weights)
    assert (np.diff(np.sort(firsts, axis=1), axis=1) > 0).all()


def test_choices_take_elements_along_an_axis():
    x = np.arange(12.0).reshape(3, 4)
    got = random.choice(KEY, x, (5, 2), axis=1)
    assert got.shape == (3, 5, 2)
    np.testing.assert_array_equal(got - got[:1], np.broadcast_to([[[0]], [[4]], [[8]]], got.shape))
    assert random.choice(KEY, x).shape == (4,)
    assert random.choice(KEY, 5, (0,)).shape == (0,)


def test_samplers_are_differentiable_in_their_parameters():
    def spread(parameters):
        low, high, mean, deviation = parameters
        flat = random.uniform(random.key(1), (50,), np.float64, low, high)
        bell = mean + deviation * random.normal(random.key(2), (50,))
        return (flat**2).sum() + (bell**2).sum()

    u, z = random.uniform(random.key(1), (50,)), random.normal(random.key(2), (50,))
    low, high, mean, deviation = parameters = (-1.0, 3.0, 0.5, 2.0)
    flat, bell = low + u * (high - low), mean + deviation * z
    want = [(2 * flat * (1 - u)).sum(), (2 * flat * u).sum(), (2 * bell).sum(), (2 * bell * z).sum()]
    got = compiler.jit(compiler.grad(spread))(parameters)
    np.testing.assert_allclose(got, want, rtol=1e-12)


def test_numbers_are_the_same_with_vectors_of_any_width():
    def draw(key):
        return (
            random.normal(key, (333,)),
            random.uniform(key, (2, 50), np.float32),
            random.randint(key, (40,), 0, 10**12),
        )

    wanted = compiler.jit(draw)(KEY)
    for bits in (128, 256, 512):
        got = compiler.jit(draw, options=compiler.CompileOptions(vector_bits=bits))(KEY)
        for a, b in zip(got, wanted, strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_sampler_is_compiled_once_for_a_shape():
    from compiler.random.continuous import draw_normal
    from compiler.random.drawing import _compiled

    random.normal(KEY, (11,))
    jitted = _compiled(draw_normal, ("shape", "dtype"))
    before = jitted.cache_info()
    random.normal(random.key(8), [11], "float64")
    assert jitted.cache_info().misses == before.misses
    assert jitted.cache_info().hits == before.hits + 1


MISUSE = {
    "dtype of uniform": (lambda: random.uniform(KEY, (2,), np.int32), compiler.DtypeError, "uniform: dtype int32 is not supported; use float32 or float64"),
    "no dtype": (lambda: random.normal(KEY, (2,), "real"), compiler.DtypeError, "normal: 'real' is not a dtype"),
    "bound": (lambda: random.uniform(KEY, (2,), np.float64, np.zeros(3)), compiler.ShapeError, "shapes"),
    "bound larger": (lambda: random.uniform(KEY, (), np.float64, np.zeros(3)), compiler.ShapeError, "enlarge the shape"),
    "integer bound": (lambda: random.randint(KEY, (2,), 0, 129, np.int8), compiler.DtypeError, "maxval is 129, which does not fit into int8"),
    "float bound": (lambda: random.randint(KEY, (2,), 0.0, 3), compiler.DtypeError, "minval is 0.0, expected integers"),
    "probability": (lambda: random.bernoulli(KEY, np.array([1, 0])), compiler.DtypeError, "bernoulli: p: dtype int64"),
    "sign": (lambda: random.rademacher(KEY, (2,), np.uint8), compiler.DtypeError, "uint8 has no -1"),
    "logits": (lambda: random.categorical(KEY, np.arange(3)), compiler.DtypeError, "categorical: logits have dtype int64"),
    "axis": (lambda: random.categorical(KEY, np.zeros(3), axis=1), compiler.ShapeError, r"axis 1 of logits of shape \(3,\)"),
    "shape": (lambda: random.categorical(KEY, np.zeros((2, 3)), shape=(3,)), compiler.ShapeError, r"shape \(3,\) does not end in \(2,\)"),
    "alpha": (lambda: random.dirichlet(KEY, 1.0), compiler.ShapeError, "alpha is a scalar"),
    "covariance": (lambda: random.multivariate_normal(KEY, np.ones(3), np.eye(2)), compiler.ShapeError, r"mean has shape \(3,\) and cov \(2, 2\)"),
    "batch of means": (lambda: random.multivariate_normal(KEY, np.ones((4, 2)), np.eye(2), (3,)), compiler.ShapeError, "shape"),
    "traced key": (lambda: compiler.jit(random.normal)(np.zeros(3)), compiler.DtypeError, "normal: key is float64"),
    "replace": (lambda: random.choice(KEY, 3, (4,), replace=False), compiler.ShapeError, "cannot choose 4 of 3"),
    "nothing": (lambda: random.choice(KEY, 0, (4,)), compiler.ShapeError, "nothing to choose from"),
    "p": (lambda: random.choice(KEY, 3, (4,), p=np.ones(2)), compiler.ShapeError, r"p has shape \(2,\), expected \(3,\)"),
    "float": (lambda: random.permutation(KEY, 2.5), compiler.ArgumentError, "permutation: x is 2.5"),
    "negative": (lambda: random.permutation(KEY, -2), compiler.ArgumentError, "expected at least 0"),
    "no axis": (lambda: random.permutation(KEY, np.zeros(3), axis=1), compiler.ShapeError, "axis 1 does not exist"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISUSE)
def test_misuse_says_what_is_wrong(name):
    call, error, message = MISUSE[name]
    with pytest.raises(error, match=message):
        call()
