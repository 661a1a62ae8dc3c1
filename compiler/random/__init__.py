"""Random numbers from explicit keys, under JAX's names and signatures.

A key is an array `uint32[2]`, and every function a pure function of its key: the same key gives the same numbers, on any
machine, with any number of threads, inside and outside of `jit`, `vmap` and `scan`. So a key is used once; `split` makes new
keys of it, `fold_in` one for every step of a loop.

The generator is Philox 4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC'11).
Keys are its keys; the element at position `i` of an array is made of the counter that `i` stands for, so that longer
arrays begin with the numbers of shorter ones (of the same dtype), and `vmap` over keys gives what a loop gives. Counters have
a part, the domain, that tells numbers, split keys and folded keys apart: they never come from the same bits.

Floating point is float64 unless `dtype` says otherwise, integers are int64, as in NumPy. The numbers differ from JAX's.
"""

from compiler.random.continuous import cauchy, exponential, gumbel, laplace, logistic, normal, truncated_normal
from compiler.random.discrete import categorical, choice, permutation, poisson
from compiler.random.gamma import beta, dirichlet, gamma, loggamma
from compiler.random.keys import PRNGKey, bits, fold_in, key, split
from compiler.random.multivariate import multivariate_normal
from compiler.random.uniform import bernoulli, rademacher, randint, uniform

__all__ = [
    "PRNGKey",
    "bernoulli",
    "beta",
    "bits",
    "categorical",
    "cauchy",
    "choice",
    "dirichlet",
    "exponential",
    "fold_in",
    "gamma",
    "gumbel",
    "key",
    "laplace",
    "loggamma",
    "logistic",
    "multivariate_normal",
    "normal",
    "permutation",
    "poisson",
    "rademacher",
    "randint",
    "split",
    "truncated_normal",
    "uniform",
]
