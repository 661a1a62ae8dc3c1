"""Reduction of huge arguments by multiples of π (Payne and Hanek, 1983), in integers.

For `|x| = m 2^e` with a 53-bit integer `m`, the bits of 1/π above the place of `2^-e` contribute multiples of 2 to
`|x| / π` and are skipped; of those below, enough are kept that the closest any double comes to a multiple of π/2
(about 2^-61) leaves 64 good bits.
"""

import math
from itertools import pairwise

from xdsl.ir import SSAValue

from passes.loops.math.float_builder import FloatBuilder

# fmt: off
INVERSE_PI_WORDS = (
    0,
    0x517CC1B727220A94, 0xFE13ABE8FA9A6EE0, 0x6DB14ACC9E21C820, 0xFF28B1D5EF5DE2B0, 0xDB92371D2126E970,
    0x0324977504E8C90E, 0x7F0EF58E5894D39F, 0x74411AFA975DA242, 0x74CE38135A2FBF20, 0x9CC8EB1CC1A99CFA,
    0x4E422FC5DEFC941D, 0x8FFC4BFFEF02CC07, 0xF79788C5AD05368F, 0xB69B3F6793E584DB, 0xA7A31FB34F2FF516,
    0xBA93DD63F5F2F8BD, 0x9E839CFBC5294975, 0x35FDAFD88FC6AE84, 0x2B0198237E3DB5D5,
)
# fmt: on
"""Bits of 1/π, 64 to a word: the first word holds those before the binary point."""


LOW_HALF = (1 << 32) - 1


def build_large_reduction(
    fb: FloatBuilder, x: SSAValue, single: bool, cosine: bool = False, halves: bool = False
) -> tuple[SSAValue, SSAValue]:
    """`r` and the parity of `q` in `x = q π + r` (`(q - ½) π + r` for the cosine), `|r| ≤ ½π`, for `|x| ≥ 2^40`.

    With `halves`, in `x = ½q π + r`, `|r| ≤ ¼π`.

    `fb` is for f64. With `single`, `x` is an f32 that was widened: fewer words can matter, and 64 bits are enough.
    """
    encoding = fb.bits(fb.abs(x))
    mantissa = fb.int_or(fb.int_and(encoding, fb.format.mantissa_mask), 1 << fb.format.mantissa_bits)
    # The bit of weight 2^-e is the (63 + e)th of the table, which begins with 63 zeros and the bit of weight 1.
    start = fb.int_sub(fb.shift_right(encoding, fb.format.mantissa_bits), 1075 - 63)
    index, offset = fb.shift_right(start, 6), fb.int_and(start, 63)
    if single:
        first, second = _aligned(fb, _window(fb, index, INVERSE_PI_WORDS[:5], 3), offset)
        fraction = fb.int_add(fb.int_mul(mantissa, first), _high_product(fb, mantissa, second))
        rest = None
    else:
        first, second, third = _aligned(fb, _window(fb, index, INVERSE_PI_WORDS, 4), offset)
        carried = _high_product(fb, mantissa, third)
        rest = fb.int_add(fb.int_mul(mantissa, second), carried)
        fraction = fb.int_add(fb.int_mul(mantissa, first), _high_product(fb, mantissa, second))
        fraction = fb.int_add(fraction, fb.int_select(fb.int_compare("ult", rest, carried), 1, 0))
    # Now |x| / π modulo 2 is fraction / 2^63 + rest / 2^127. Adding ½ makes rounding to nearest a truncation.
    place = 62 if halves else 63
    rounded = fb.int_add(fraction, 1 << 63 if cosine else 1 << (place - 1))
    parity = fb.shift_right(rounded, place)
    signed = fb.int_sub(fb.int_and(rounded, (1 << place) - 1), 1 << (place - 1))
    r = fb.from_signed(signed)
    if rest is not None:
        r = fb.fma(fb.from_signed(fb.shift_right(rest, 1)), 2.0**-63, r)
    r = fb.mul(r, math.pi * 2.0**-63)
    return r if cosine else _with_sign_flipped_as(fb, r, x), parity


def _with_sign_flipped_as(fb: FloatBuilder, r: SSAValue, x: SSAValue) -> SSAValue:
    return fb.from_bits(fb.int_xor(fb.bits(r), fb.int_and(fb.bits(x), fb.format.sign_mask)))


def _window(fb: FloatBuilder, index: SSAValue, words: tuple[int, ...], count: int) -> list[SSAValue]:
    """`words[index], …, words[index + count - 1]`: a shift by each power of two that `index` may contain."""
    level: list[SSAValue] = [fb.int_constant(word) for word in words]
    for step in (16, 8, 4, 2, 1):
        if step > len(words) - count:
            continue
        is_shifted = fb.int_compare("ne", fb.int_and(index, step), 0)
        level = [
            fb.int_select(is_shifted, level[i + step], level[i]) if i + step < len(level) else level[i]
            for i in range(min(count + step - 1, len(level)))
        ]
    return level


def _aligned(fb: FloatBuilder, words: list[SSAValue], offset: SSAValue) -> list[SSAValue]:
    """The words, less one, after shifting all left by `offset` bits, which may be 0."""
    complement = fb.int_sub(63, offset)
    return [
        fb.int_or(fb.shift_left(word, offset), fb.shift_right(fb.shift_right(following, 1), complement))
        for word, following in pairwise(words)
    ]


def _high_product(fb: FloatBuilder, lhs: SSAValue, rhs: SSAValue) -> SSAValue:
    """The high 64 bits of the product of unsigned numbers, of which `lhs` has at most 53 bits."""
    lhs_low, lhs_high = fb.int_and(lhs, LOW_HALF), fb.shift_right(lhs, 32)
    rhs_low, rhs_high = fb.int_and(rhs, LOW_HALF), fb.shift_right(rhs, 32)
    carried = fb.shift_right(fb.int_mul(lhs_low, rhs_low), 32)
    middle = fb.int_add(fb.int_mul(lhs_high, rhs_low), carried)
    other = fb.int_add(fb.int_mul(lhs_low, rhs_high), fb.int_and(middle, LOW_HALF))
    high = fb.int_add(fb.int_mul(lhs_high, rhs_high), fb.shift_right(middle, 32))
    return fb.int_add(high, fb.shift_right(other, 32))
