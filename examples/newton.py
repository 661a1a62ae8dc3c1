"""Newton's method with `compiler.hessian`: few steps, each of which doubles the number of correct digits.

A logistic regression on the 569 tumours of scikit-learn's breast cancer data, with an L2 penalty: 31 parameters, one minimum. Gradient
descent with the step that suits the curvature is shown beside it; scikit-learn finds the same parameters.
"""

import argparse

import numpy as np
from plotting import saved_plot
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression

import compiler

PENALTY = 1.0


def cancer_data():
    """Standardised measurements with a column of ones, (569, 31), and labels of -1 and 1."""
    data = load_breast_cancer()
    x = (data.data - data.data.mean(axis=0)) / data.data.std(axis=0)
    return np.hstack([x, np.ones((len(x), 1))]), 2.0 * data.target - 1.0


def loss(w, x, y):
    """The negative log likelihood, and half the squared size of all weights but the constant."""
    return np.sum(np.logaddexp(0, -y * (x @ w))) + 0.5 * PENALTY * np.sum(w[:-1] ** 2)


value_and_gradient = compiler.jit(compiler.value_and_grad(loss))


@compiler.jit
def newton_step(w, x, y):
    """The loss, its gradient, and the step to the minimum of the parabola that both and the curvature make."""
    value, gradient = compiler.value_and_grad(loss)(w, x, y)
    return value, gradient, -np.linalg.solve(compiler.hessian(loss)(w, x, y), gradient)


def newton(w, x, y, tolerance=1e-9, max_steps=50):
    """The iterates of Newton's method, whose steps are halved until the loss falls as the gradient promises (Armijo)."""
    iterates = [w]
    for _ in range(max_steps):
        value, gradient, step = newton_step(w, x, y)
        if np.linalg.norm(gradient) <= tolerance * len(x):
            break
        size = 1.0
        while value_and_gradient(w + size * step, x, y)[0] > value + 1e-4 * size * (gradient @ step):
            size /= 2
        w = w + size * step
        iterates.append(w)
    return iterates


def gradient_descent(w, x, y, steps):
    """The iterates of gradient descent, whose step is the inverse of a bound on the curvature."""
    size = 1 / (0.25 * np.linalg.norm(x, 2) ** 2 + PENALTY)
    iterates = [w]
    for _ in range(steps):
        w = w - size * value_and_gradient(w, x, y)[1]
        iterates.append(w)
    return iterates


def orders(errors):
    """How fast errors fall: `log(e[k+1] / e[k]) / log(e[k] / e[k-1])`, which tends to 2 for Newton's method."""
    logs = np.diff(np.log(errors))
    return logs[1:] / logs[:-1]


def main(arguments=None):
    """Minimise by both methods, and compare with scikit-learn."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=200, help="steps of gradient descent")
    parser.add_argument("--output", default="build", help="folder of the plot")
    args = parser.parse_args(arguments)

    x, y = cancer_data()
    start = np.zeros(x.shape[1])
    iterates = newton(start, x, y)
    best = iterates[-1]
    errors = [np.linalg.norm(w - best) for w in iterates[:-1]]
    print("step  loss         |gradient|   distance to the last")
    for i, w in enumerate(iterates):
        value, gradient = value_and_gradient(w, x, y)
        print(f"{i:4}  {value:.8f}  {np.linalg.norm(gradient):.3e}    {np.linalg.norm(w - best):.3e}")
    order = orders(np.array(errors))[-1]
    print(f"order of convergence: {order:.2f}")

    slow = gradient_descent(start, x, y, args.steps)
    gap = loss(slow[-1], x, y) - loss(best, x, y)
    print(f"gradient descent after {args.steps} steps: loss still {gap:.2e} above the least")

    theirs = LogisticRegression(C=1 / PENALTY, tol=1e-10, max_iter=10_000).fit(x[:, :-1], y)
    difference = np.abs(np.append(theirs.coef_, theirs.intercept_) - best).max()
    accuracy = np.mean(np.sign(x @ best) == y)
    print(
        f"largest difference to scikit-learn's parameters: {difference:.1e}; right about {100 * accuracy:.1f} % of the tumours"
    )

    with saved_plot(args.output, "newton") as axes:
        for name, points in (("Newton", iterates), ("gradient descent", slow)):
            norms = [np.linalg.norm(value_and_gradient(w, x, y)[1]) for w in points]
            axes.loglog(np.arange(1, len(points) + 1), norms, "o-" if name == "Newton" else "-", label=name)
        axes.set(xlabel="step", ylabel="length of the gradient", title="logistic regression, 31 parameters")
        axes.legend()
    return 0 if difference < 1e-5 and order > 1.8 else 1


if __name__ == "__main__":
    raise SystemExit(main())
