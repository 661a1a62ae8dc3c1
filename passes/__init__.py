"""All passes of the project, by level: the folder is the level that a pass works on.

A pass has one name in three spellings: the file `passes/dlc/fold_constants.py` holds the class `FoldConstantsPass`,
which the command line calls `fold-constants`. So its place, `"dlc.fold_constants"`, says everything, and listing all
passes imports none of them.
"""

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import cast

from xdsl.passes import ModulePass

ALL_PASSES: tuple[str, ...] = (
    # tensor to autodiff to linalg
    "dlc.expand_transforms",
    "dlc.batch",
    "dlc.differentiate",
    "dlc.inline",
    "dlc.fold_constants",
    "dlc.simplify_dlc",
    "dlc.prune_control_flow",
    "dlc.hoist_sums",
    "dlc.split_complex",
    "dlc.split_carries",
    "dlc.remove_dead_functions",
    "dlc.convert_dlc_to_linalg",
    # linalg to fused
    "linalg.select_libraries",
    "linalg.interchange_loops",
    "linalg.fuse_elementwise",
    "linalg.split_at_seams",
    "linalg.pack_operands",
    "linalg.split_reductions",
    "linalg.narrow_sums",
    "linalg.form_kernels",
    "linalg.collapse_dims",
    "linalg.absorb_sums",
    "linalg.hoist_invariants",
    # fused to bufferized
    "linalg.bufferize",
    "memref.outline_kernels",
    "memref.deduplicate_kernels",
    "memref.schedule_launches",
    "memref.plan_memory",
    # bufferized to loops
    "memref.split_work",
    "memref.leave_loops",
    "memref.lower_kernels",
    # loops to llvm
    "loops.expand_math",
    "loops.convert_to_llvm",
    # loops to gpu to llvm
    "gpu.share_points",
    "gpu.widen_points",
    "gpu.map_to_gpu",
    "gpu.convert_gpu_to_llvm",
    "gpu.check_ptx_legality",
)
"""The place of every pass below this package, in pipeline order."""


def load_pass(place: str) -> type[ModulePass]:
    """Import the pass at `place`, for example `"dlc.fold_constants"`."""
    name = place.rpartition(".")[2]
    class_name = "".join(word.capitalize() for word in name.split("_")) + "Pass"
    return cast(type[ModulePass], getattr(import_module(f"passes.{place}"), class_name))


def get_all_passes() -> dict[str, Callable[[], type[ModulePass]]]:
    """Every pass by its name on the command line; calling the value imports it."""
    return {place.rpartition(".")[2].replace("_", "-"): partial(load_pass, place) for place in ALL_PASSES}
