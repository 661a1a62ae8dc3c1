"""Signatures as callers see them."""

import inspect


def parameters(function):
    """What a caller sees of the parameters: names of positional-only ones do not matter."""
    return [
        ("" if p.kind is p.POSITIONAL_ONLY else name, p.kind, p.default)
        for name, p in inspect.signature(function).parameters.items()
    ]
