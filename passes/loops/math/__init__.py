"""Expansions of elementary functions into arithmetic, one file per family.

Every expansion is a function `expand_…(fb: FloatBuilder, x: SSAValue) -> SSAValue` that appends straight-line code for
scalars and vectors of either float type alike; `FORMATS` of each file keeps the coefficients, which `tools/remez.py`
derives. Promised and measured accuracy: `docs/accuracy.md`.
"""
