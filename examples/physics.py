"""A differentiable simulation: learn the forces on a cart that swing its pole up, by gradients through 1,000 steps of physics.

The cart starts at rest with the pole hanging, and after four seconds should stand where it was with the pole upright and at rest. What
is learnt are the forces at 41 moments, with straight lines between. Equations of motion: Florian, "Correct equations for
the dynamics of the cart-pole system" (2007), without friction.
"""

import argparse

import numpy as np
from plotting import saved_plot
from rich.progress import track

import compiler
from compiler import optim

CART, POLE, LENGTH, GRAVITY = 1.0, 0.2, 0.5, 9.81  # kg, kg, m to the middle of the pole, m/s²
SECONDS, STEPS, KNOTS = 4.0, 1000, 41
LARGEST = 20.0  # N


def acceleration(angle, spin, force):
    """Of the cart and of the angle, which is 0 where the pole stands upright."""
    sine, cosine = np.sin(angle), np.cos(angle)
    push = (force + POLE * LENGTH * spin**2 * sine) / (CART + POLE)
    twist = (GRAVITY * sine - cosine * push) / (LENGTH * (4 / 3 - POLE * cosine**2 / (CART + POLE)))
    return push - POLE * LENGTH * twist * cosine / (CART + POLE), twist


def step(state, force):
    """One step of the semi-implicit Euler method: position, speed, angle, spin."""
    position, speed, angle, spin = state
    dt = SECONDS / STEPS
    push, twist = acceleration(angle, spin, force)
    speed, spin = speed + dt * push, spin + dt * twist
    return (position + dt * speed, speed, angle + dt * spin, spin), (position, angle)


def forces_of(knots):
    """The force in every step, (1000,): straight lines between the knots, (41,), within the limits of the motor."""
    where = np.linspace(0, KNOTS - 1, STEPS)
    left = np.minimum(where.astype(np.int64), KNOTS - 2)
    share = where - left
    return LARGEST * np.tanh((1 - share) * knots[left] + share * knots[left + 1])


def simulate(knots):
    """The last state, and positions and angles over time, (1000,) each."""
    start = (0.0, 0.0, np.pi, 0.0)
    return compiler.scan(step, start, forces_of(knots))


def loss(knots):
    """How far the end is from standing upright, at rest, where it began; and a price on force and on leaving the rails."""
    (position, speed, angle, spin), (positions, _) = simulate(knots)
    end = position**2 + 0.1 * speed**2 + 4 * (1 - np.cos(angle)) + 0.1 * spin**2
    outside = np.mean(np.maximum(np.abs(positions) - 1.5, 0) ** 2)
    return end + 1e-4 * np.mean(forces_of(knots) ** 2) + 10 * outside


def training(steps):
    """The first knots, the optimiser's state, and one compiled step of it."""
    optimiser = optim.adam(optim.schedules.warmup_cosine(0.05, max(steps // 10, 1), steps))

    @compiler.jit
    def train_step(knots, state):
        value, gradient = compiler.value_and_grad(loss)(knots)
        gradient, _ = optim.clip_grad_norm(gradient, 1.0)
        knots, state = optimiser.update(gradient, state, knots)
        return knots, state, value

    knots = 0.05 * np.sin(np.arange(KNOTS) * 0.8)
    return knots, optimiser.init(knots), train_step


def main(arguments=None):
    """Learn, and show the pole before and after."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=600, help="of the optimiser")
    parser.add_argument("--output", default="build", help="folder of the plot")
    args = parser.parse_args(arguments)

    first, state, train_step = training(args.steps)
    knots, losses = first, []
    for _ in track(range(args.steps), description="learning"):
        knots, state, value = train_step(knots, state)
        losses.append(float(value))
    run = compiler.jit(simulate)
    (position, speed, angle, spin), _ = run(knots)
    off = np.degrees(np.abs((angle + np.pi) % (2 * np.pi) - np.pi))
    print(f"loss {losses[0]:.3f} -> {losses[-1]:.4f}")
    print(f"at the end the pole is {off:.2f} degrees off, turns at {np.degrees(spin):.2f} degrees/s")
    print(f"the cart is {100 * position:.1f} cm off, at {100 * speed:.1f} cm/s")

    with saved_plot(args.output, "physics", columns=3) as (before, after, curve):
        for axes, chosen, title in ((before, first, "before"), (after, knots, "after")):
            positions, angles = run(chosen)[1]
            x, y = positions + 2 * LENGTH * np.sin(angles), 2 * LENGTH * np.cos(angles)
            for i in range(0, STEPS, 25):
                axes.plot([positions[i], x[i]], [0, y[i]], color="grey", alpha=0.3)
            axes.scatter(x, y, c=np.linspace(0, SECONDS, STEPS), s=3)
            axes.set(
                title=f"{title}: the tip of the pole", xlabel="m", aspect="equal", xlim=(-2.6, 2.6), ylim=(-1.2, 1.2)
            )
        curve.semilogy(losses)
        curve.set(xlabel="step", title="loss")
    return 0 if off < 2 else 1


if __name__ == "__main__":
    raise SystemExit(main())
