"""The `xdsl.universe` entry point: our dialects and passes, for `dlc-opt` and for plain `xdsl-opt`."""

from xdsl.ir import Dialect
from xdsl.universe import Universe

from passes import get_all_passes


def get_dlc() -> Dialect:
    """The tensor dialect."""
    from dialects.dlc.dialect import Dlc

    return Dlc


def get_rt() -> Dialect:
    """Kernels, launches and library calls."""
    from dialects.rt import Rt

    get_linalg()  # kernels hold its operations
    return Rt


def get_linalg() -> Dialect:
    """Upstream's `linalg`, with what its `linalg.generic` lacks."""
    from xdsl.dialects.linalg import Linalg

    from dialects.partial_reads import allow_partial_reads_in_linalg
    from dialects.several_results import read_several_results_of_linalg

    allow_partial_reads_in_linalg()
    read_several_results_of_linalg()
    return Linalg


def get_llvm() -> Dialect:
    """The `llvm` dialect with the operations that upstream lacks; it takes the place of upstream's."""
    from dialects.llvm import Llvm

    return Llvm


def get_nvvm() -> Dialect:
    """What PTX has and LLVM's own instructions lack."""
    from dialects.nvvm import Nvvm

    return Nvvm


def get_special() -> Dialect:
    """Special functions of numbers, as `math` has the elementary ones."""
    from dialects.special import Special

    return Special


DLC_UNIVERSE = Universe(
    all_dialects={"dlc": get_dlc, "rt": get_rt, "nvvm": get_nvvm, "special": get_special}, all_passes=get_all_passes()
)
