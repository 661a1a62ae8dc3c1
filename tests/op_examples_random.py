"""Examples of random bits."""

from op_example import OpExample, tensor
from xdsl.dialects.builtin import IntegerAttr, i64

from dialects.dlc.random_bits import RandomBitsOp

BITS = (
    # the keys, the result and the domain; more than 64 elements of a key are made in rows
    ("2xui32", "ui32", 0),
    ("2xui32", "7xui64", 1),
    ("2xui32", "3x5xui8", 0),
    ("2xui32", "0x3xui32", 0),
    ("2xui32", "1x64xui16", 2**32 - 1),
    ("2xui32", "65xui32", 0),
    ("2xui32", "256xui32", 3),
    ("2xui32", "3x131xui64", 0),
    ("2xui32", "1100xui16", 0),
    ("2xui32", "2x700xui8", 0),
    ("3x2xui32", "3xui32", 2),
    ("3x2xui32", "3x2x5xui64", 0),
    ("2x3x2xui32", "2x3x300xui32", 1),
    ("1x2xui32", "1x129xui64", 1),
    ("0x2xui32", "0x100xui32", 0),
)

RANDOM_EXAMPLES = tuple(
    OpExample(
        RandomBitsOp,
        (tensor(key), tensor("x".join([*key.split("x")[:-2], "ui32"]))),
        {"domain": IntegerAttr(domain, i64), "output": tensor(result)},
        domain=((0, 2**32 - 1), (0, 2**32 - 1)),
    )
    for key, result, domain in BITS
)
