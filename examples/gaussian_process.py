"""Gaussian-process regression: the hyperparameters maximise the marginal likelihood, whose gradient goes through a Cholesky factor.

How diabetes progresses in a year, from ten measurements of 442 patients (scikit-learn's data). A length scale for each measurement tells which
of them matter. scikit-learn's `GaussianProcessRegressor` with the same kernel is trained and timed beside it.
"""

import argparse
import time
import warnings
from functools import partial

import numpy as np
from plotting import saved_plot
from rich.progress import Progress
from scipy.optimize import minimize
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.model_selection import train_test_split

import compiler
from compiler import linalg

BOUNDS = np.log([1e-5, 1e5])
"""Of every hyperparameter: scikit-learn's."""


def diabetes_data(seed=0, share=0.25):
    """Standardised measurements and progressions for training and for testing, and the names of the measurements."""
    data = load_diabetes(scaled=False)
    x_train, x_test, y_train, y_test = train_test_split(data.data, data.target, test_size=share, random_state=seed)
    x_mean, x_deviation = x_train.mean(axis=0), x_train.std(axis=0)
    y_mean, y_deviation = y_train.mean(), y_train.std()
    inputs = ((x - x_mean) / x_deviation for x in (x_train, x_test))
    return *inputs, *((y - y_mean) / y_deviation for y in (y_train, y_test)), data.feature_names


def initial(count):
    """The logarithms of hyperparameters, all 0: the variance of the function, that of the noise, and `count` length scales."""
    return {"variance": 0.0, "noise": 0.0, "lengths": np.zeros(count)}


def covariance(params, x, y):
    """The squared exponential kernel of all pairs of rows."""
    x, y = x / np.exp(params["lengths"]), y / np.exp(params["lengths"])
    squares = np.sum(x**2, axis=1)[:, np.newaxis] + np.sum(y**2, axis=1) - 2 * x @ y.T
    return np.exp(params["variance"] - 0.5 * np.maximum(squares, 0))


def factor(params, x, y):
    """The Cholesky factor of the covariance of noisy values at `x`, and the solution of the system with right-hand side `y`."""
    lower = np.linalg.cholesky(covariance(params, x, x) + np.exp(params["noise"]) * np.eye(len(x)))
    return lower, linalg.cho_solve((lower, True), y)


def negative_log_likelihood(params, x, y):
    """That of `y` at `x`, over all functions (Rasmussen and Williams, 2006, equation 2.30)."""
    lower, weights = factor(params, x, y)
    return 0.5 * y @ weights + np.sum(np.log(np.diagonal(lower))) + 0.5 * len(x) * np.log(2 * np.pi)


value_and_gradient = compiler.jit(compiler.value_and_grad(negative_log_likelihood))


@compiler.jit
def predict(params, x, y, new):
    """The mean and the deviation of noisy values at `new`, given the values `y` at `x` (algorithm 2.1 there)."""
    lower, weights = factor(params, x, y)
    across = covariance(params, x, new)
    explained = linalg.solve_triangular(lower, across, lower=True)
    variance = np.exp(params["variance"]) + np.exp(params["noise"]) - np.sum(explained**2, axis=0)
    return across.T @ weights, np.sqrt(variance)


def as_params(vector):
    """The hyperparameters that a vector stands for."""
    return {"variance": vector[0], "noise": vector[1], "lengths": vector[2:]}


def train(x, y, steps=200):
    """The hyperparameters that L-BFGS finds from `initial`, their negative log likelihood, and how often it was computed."""

    def objective(vector):
        value, gradient = value_and_gradient(as_params(vector), x, y)
        return float(value), np.concatenate([np.ravel(gradient[name]) for name in ("variance", "noise", "lengths")])

    start = np.concatenate([np.ravel(value) for value in initial(x.shape[1]).values()])
    with Progress(transient=True) as progress:
        task = progress.add_task("maximising the likelihood", total=steps)
        found = minimize(
            objective,
            start,
            jac=True,
            method="L-BFGS-B",
            bounds=[tuple(BOUNDS)] * len(start),
            options={"maxiter": steps},
            callback=lambda _: progress.advance(task),
        )
    return as_params(found.x), found.fun, found.nfev


def log_density(y, mean, deviation):
    """The mean log density of `y` under normal distributions: the higher, the better are means and deviations."""
    return np.mean(-0.5 * ((y - mean) / deviation) ** 2 - np.log(deviation) - 0.5 * np.log(2 * np.pi))


def scikit_learn(x, y):
    """The same model there, trained from the same start."""
    kernel = ConstantKernel(1.0) * RBF(np.ones(x.shape[1])) + WhiteKernel(1.0)
    with warnings.catch_warnings():
        # That a length scale is at its bound: what is measured there does not matter.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return GaussianProcessRegressor(kernel, alpha=0.0).fit(x, y)


def timed(function):
    """The result of a call, and its seconds."""
    start = time.perf_counter()
    return function(), time.perf_counter() - start


def main(arguments=None):
    """Train, predict, and compare with scikit-learn."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=200, help="at most so many steps of L-BFGS")
    parser.add_argument("--output", default="build", help="folder of the plot")
    args = parser.parse_args(arguments)

    x, x_test, y, y_test, names = diabetes_data()
    _, compiling = timed(partial(value_and_gradient, initial(x.shape[1]), x, y))
    (params, value, count), seconds = timed(partial(train, x, y, args.steps))
    mean, deviation = predict(params, x, y, x_test)
    density, error = log_density(y_test, mean, deviation), np.sqrt(np.mean((mean - y_test) ** 2))
    print(f"{len(x)} patients, {2 + len(names)} hyperparameters, compiled in {compiling:.2f} s")
    print(f"log likelihood {-value:.4f} after {count} gradients of {1e3 * seconds / count:.1f} ms")
    print(f"on {len(y_test)} others: error {error:.4f} deviations, log density {density:.4f}")
    inside = np.mean(np.abs(y_test - mean) < 1.96 * deviation)
    print(f"inside of the 95 % interval: {100 * inside:.1f} % of them")

    theirs, their_seconds = timed(partial(scikit_learn, x, y))
    their_mean, their_deviation = theirs.predict(x_test, return_std=True)
    their_density = log_density(y_test, their_mean, their_deviation)
    print(f"scikit-learn: log likelihood {theirs.log_marginal_likelihood_value_:.4f}, log density {their_density:.4f}")
    print(f"scikit-learn takes {their_seconds / seconds:.1f} times as long")
    relevance = sorted(zip(np.exp(params["lengths"]), names, strict=True))
    print("shortest length scales: " + ", ".join(f"{name} {length:.2f}" for length, name in relevance[:4]))

    bmi, bmi_test = (part[:, [names.index("bmi")]] for part in (x, x_test))
    params_bmi, *_ = train(bmi, y, args.steps)
    grid = np.linspace(bmi.min() - 1, bmi.max() + 1, 200)[:, np.newaxis]
    curve, band = predict(params_bmi, bmi, y, grid)
    with saved_plot(args.output, "gaussian_process", columns=2) as (left, right):
        left.plot(bmi, y, ".", alpha=0.5, label="training")
        left.plot(bmi_test, y_test, "x", label="test")
        left.plot(grid, curve, label="mean")
        left.fill_between(grid[:, 0], curve - 1.96 * band, curve + 1.96 * band, alpha=0.2, label="95 %")
        left.set(xlabel="body mass index (deviations)", ylabel="progression (deviations)", title="one measurement")
        left.legend()
        right.errorbar(mean, y_test, xerr=1.96 * deviation, fmt=".", elinewidth=0.5)
        right.plot([-3, 3], [-3, 3], "k--", linewidth=1)
        right.set(
            xlabel="predicted, with its 95 % interval", ylabel="measured", title="all measurements, test patients"
        )
    return 0 if abs(value + theirs.log_marginal_likelihood_value_) < 1e-2 and density > their_density - 1e-2 else 1


if __name__ == "__main__":
    raise SystemExit(main())
