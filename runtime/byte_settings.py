"""Numbers of bytes in environment variables."""

import os

from dialects.errors import ArgumentError

_UNITS = {"K": 2**10, "M": 2**20, "G": 2**30}


def bytes_setting(variable: str, default: int) -> int:
    """The bytes that an environment variable gives, `default` if it is empty or not there.

    Raises:
        ArgumentError: it is not a number of bytes, or of K, M or G.
    """
    text = os.environ.get(variable)
    if not text:
        return default
    number, unit = (text[:-1], _UNITS[text[-1]]) if text[-1] in _UNITS else (text, 1)
    if not number.isdecimal():
        raise ArgumentError(f"{variable} is {text!r}; use a number of bytes such as 500000000, 500M or 2G")
    return int(number) * unit
