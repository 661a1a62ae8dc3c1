"""Constants of the standard."""

import math

e = math.e
"""Euler's number."""

pi = math.pi
"""Half the circumference of the unit circle."""

inf = math.inf
"""Infinity."""

nan = math.nan
"""Not a number."""

newaxis = None
"""In an index: a new dimension of size 1."""
