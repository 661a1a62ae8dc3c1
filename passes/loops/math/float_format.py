"""The layouts of IEEE 754 formats."""

import struct
from dataclasses import dataclass


@dataclass(frozen=True)
class FloatFormat:
    """The layout of an IEEE 754 format and the constants that follow from it."""

    width: int
    mantissa_bits: int
    bias: int

    @property
    def magic(self) -> float:
        """1.5 · 2^mantissa_bits: adding it rounds to an integer, which then lies in the low bits of the sum."""
        return 1.5 * 2.0**self.mantissa_bits

    @property
    def biased_magic(self) -> float:
        """As `magic`, with the bias of the exponent added: shifted left, the low bits are the number 2^n."""
        return self.magic + self.bias

    @property
    def twice_biased_magic(self) -> float:
        """As `biased_magic`, with the bias twice: each half of the low bits has it once."""
        return self.magic + 2 * self.bias

    @property
    def sign_mask(self) -> int:
        """The integer with only the sign bit set."""
        return 1 << (self.width - 1)

    @property
    def mantissa_mask(self) -> int:
        """The integer with all bits of the mantissa set."""
        return (1 << self.mantissa_bits) - 1

    @property
    def smallest_normal(self) -> float:
        """The smallest positive number that is not subnormal."""
        return 2.0 ** (1 - self.bias)

    def bits(self, value: float) -> int:
        """The encoding of `value` as an unsigned integer."""
        if self.width == 32:
            return struct.unpack("<I", struct.pack("<f", value))[0]
        return struct.unpack("<Q", struct.pack("<d", value))[0]


SINGLE = FloatFormat(32, 23, 127)
DOUBLE = FloatFormat(64, 52, 1023)
