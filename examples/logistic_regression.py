"""Logistic regression in plain NumPy code: the loss is written down, `compiler.grad` derives it.

scikit-learn's breast cancer data, by gradient descent with momentum; the reference has the gradient by hand.
"""

from functools import partial

import numpy as np
from comparison import compare
from sklearn.datasets import load_breast_cancer

import compiler


def loss(w, x, y, penalty):
    """Mean negative log-likelihood of labels y in {0, 1}, (n,), given x, (n, m), plus a penalty on the weights."""
    logits = x @ w[:-1] + w[-1]
    return np.mean(np.logaddexp(0, logits) - y * logits) + 0.5 * penalty * np.sum(w[:-1] ** 2)


def gradient_by_hand(w, x, y, penalty):
    """What `compiler.grad(loss)` finds."""
    error = (1 / (1 + np.exp(-(x @ w[:-1] + w[-1]))) - y) / len(y)
    return np.append(x.T @ error + penalty * w[:-1], error.sum())


def step(w, velocity, gradient, rate, momentum=0.9):
    """One step of gradient descent with momentum, in place."""
    velocity *= momentum
    velocity -= rate * gradient
    w += velocity
    return w, velocity


def fit_numpy(x, y, penalty, rate, steps):
    """The weights and the bias after so many steps, in a loop of Python."""
    w, velocity = np.zeros(x.shape[1] + 1), np.zeros(x.shape[1] + 1)
    for _ in range(steps):
        w, velocity = step(w, velocity, gradient_by_hand(w, x, y, penalty), rate)
    return w


@partial(compiler.jit, static_argnames="steps")
def fit(x, y, penalty, rate, steps):
    """Compile the loop, with the derivative in it."""

    def body(_, state):
        w, velocity = state
        return step(w, velocity, compiler.grad(loss)(w, x, y, penalty), rate)

    zeros = np.zeros(x.shape[1] + 1)
    return compiler.fori_loop(0, steps, body, (zeros, zeros.copy()))[0]


def cancer_data():
    """Measurements of 569 tumours, scaled, and whether each is benign."""
    data = load_breast_cancer()
    return (data.data - data.data.mean(axis=0)) / data.data.std(axis=0), data.target.astype(np.float64)


def main():
    """Fit, and say how well the labels are told apart."""
    x, y = cancer_data()
    w = fit(x, y, 1e-3, 0.1, 1000)
    correct = ((x @ w[:-1] + w[-1] > 0) == (y > 0)).mean()
    print(f"loss {loss(0 * w, x, y, 1e-3):.4f} -> {loss(w, x, y, 1e-3):.4f}, {100 * correct:.1f} % told apart")
    return compare(fit, fit_numpy, (x, y, 1e-3, 0.1, 1000), rtol=1e-9)


if __name__ == "__main__":
    raise SystemExit(main())
