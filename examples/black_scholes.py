"""Prices of European options by the formula of Black and Scholes, with the normal distribution from SciPy."""

import math

import numpy as np
from comparison import compare
from scipy.special import ndtr

import compiler


def black_scholes(spot, strike, years, rate, volatility):
    """Prices of calls and puts: spot prices, strikes and times to expiry of shape (n,), rate and volatility scalars."""
    spread = volatility * np.sqrt(years)
    d1 = (np.log(spot / strike) + (rate + 0.5 * volatility**2) * years) / spread
    d2 = d1 - spread
    discounted = strike * np.exp(-rate * years)
    call = spot * ndtr(d1) - discounted * ndtr(d2)
    put = discounted * ndtr(-d2) - spot * ndtr(-d1)
    return call, put


black_scholes_compiled = compiler.jit(black_scholes)


def market(n):
    """Random spot prices, strikes and times to expiry."""
    rng = np.random.default_rng(7)
    return rng.uniform(10, 50, n), rng.uniform(10, 50, n), rng.uniform(0.5, 2, n)


def main():
    """Price a million options, and one with its derivative by volatility."""
    call, put = black_scholes_compiled(100.0, 95.0, 0.5, 0.03, 0.2)
    vega = compiler.jit(compiler.grad(lambda v: black_scholes(100.0, 95.0, 0.5, 0.03, v)[0]))(0.2)
    d1 = (math.log(100 / 95) + (0.03 + 0.02) * 0.5) / (0.2 * math.sqrt(0.5))
    expected = 100 * math.sqrt(0.5) * math.exp(-d1 * d1 / 2) / math.sqrt(2 * math.pi)
    print(f"call {float(call):.4f}, put {float(put):.4f}, vega {float(vega):.4f} (by hand {expected:.4f})")
    return compare(black_scholes_compiled, black_scholes, (*market(1_000_000), 0.03, 0.2), rtol=1e-12)


if __name__ == "__main__":
    raise SystemExit(main())
