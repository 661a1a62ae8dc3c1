"""Which LLVM intrinsics the NVPTX back end can select; on any other it ends the process or calls what is not there.

`tests/test_gpu_legality.py` compiles every one of them in a child process.
"""

from dialects.nvvm import OPERATIONS, SHUFFLE_KINDS, SpecialRegisterOp

FLOAT_INTRINSICS = (
    "canonicalize",
    "ceil",
    "copysign",
    "fabs",
    "floor",
    "fma",
    "fmuladd",
    "maximum",
    "maximumnum",
    "maxnum",
    "minimum",
    "minimumnum",
    "minnum",
    "nearbyint",
    "rint",
    "round",
    "roundeven",
    "sqrt",
    "trunc",
)
"""On f32, f64 and vectors of them; all are exact or correctly rounded."""

INTEGER_INTRINSICS = (
    "abs",
    "bitreverse",
    "bswap",
    "ctlz",
    "ctpop",
    "cttz",
    "fshl",
    "fshr",
    "sadd.sat",
    "smax",
    "smin",
    "ssub.sat",
    "uadd.sat",
    "umax",
    "umin",
    "usub.sat",
)
"""On i8 to i64 and vectors of them."""

REDUCTION_INTRINSICS = tuple(
    f"vector.reduce.{kind}"
    for kind in (
        *("add", "and", "mul", "or", "smax", "smin", "umax", "umin", "xor"),
        *("fadd", "fmax", "fmaximum", "fmin", "fminimum", "fmul"),
    )
)

OTHER_INTRINSICS = (
    "assume",
    "fptosi.sat",
    "fptoui.sat",
    "is.fpclass",
    "lifetime.end",
    "lifetime.start",
    "masked.load",
    "masked.store",
    "memcpy",
    "memmove",
    "memset",
    "sadd.with.overflow",
    "scmp",
    "smul.with.overflow",
    "ssub.with.overflow",
    "uadd.with.overflow",
    "ucmp",
    "umul.with.overflow",
    "usub.with.overflow",
)
"""What LLVM's optimiser makes of other code, and accesses to memory."""

HARDWARE_INTRINSICS = frozenset(
    (
        *(f"llvm.{op_type.name}" for op_type in OPERATIONS if issubclass(op_type, SpecialRegisterOp)),
        *(f"llvm.nvvm.shfl.sync.{kind}.{suffix}" for kind in SHUFFLE_KINDS for suffix in ("f32", "i32")),
        "llvm.nvvm.bar.warp.sync",
        "llvm.nvvm.barrier0",
        "llvm.nvvm.barrier.cta.sync.aligned.all",  # what LLVM makes of barrier0
        "llvm.nvvm.ex2.approx.f",
        "llvm.nvvm.ex2.approx.f32",  # what LLVM makes of ex2.approx.f
        "llvm.nvvm.lg2.approx.f",
        "llvm.nvvm.rcp.approx.ftz.f",
        "llvm.nvvm.rsqrt.approx.f",
    )
)
"""Full names of the intrinsics behind the `nvvm` dialect."""

_OVERLOADED = frozenset((*FLOAT_INTRINSICS, *INTEGER_INTRINSICS, *REDUCTION_INTRINSICS, *OTHER_INTRINSICS))


def is_selectable(name: str) -> bool:
    """Whether NVPTX can select the intrinsic with the full name `name` (`llvm.fma.v4f32`)."""
    if name in HARDWARE_INTRINSICS:
        return True
    base = name.removeprefix("llvm.")
    if base == name:
        return False
    # The types of an overloaded intrinsic follow its name, which may itself have dots.
    while base not in _OVERLOADED:
        base, dot, _ = base.rpartition(".")
        if not dot:
            return False
    return True
