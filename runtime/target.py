"""What machine code is generated for: the processor that this process runs on, or another."""

from dataclasses import dataclass
from functools import cache

from runtime.llvm_library import llvm_library, with_text


@dataclass(frozen=True)
class Target:
    """What code is generated for, and how thoroughly: as `llc -mtriple -mcpu -mattr -O`."""

    triple: str
    cpu: str
    features: str
    level: int = 3

    @property
    def vector_bits(self) -> int:
        """The width of a vector register."""
        enabled = self.features.split(",")
        if "+avx512f" in enabled and "+avx512vl" in enabled:
            return 512
        return 256 if "+avx" in enabled else 128

    @property
    def has_exponents(self) -> bool:
        """Whether there are instructions that scale vectors by powers of two and take numbers apart: AVX-512."""
        return self.triple.startswith("x86_64") and {"+avx512f", "+avx512vl"} <= set(self.features.split(","))


@cache
def host_target() -> Target:
    """The processor that this program runs on."""
    library = llvm_library()
    _, triple = with_text(library.GetProcessTriple)
    _, cpu = with_text(library.GetHostCPUName)
    _, features = with_text(library.GetHostCPUFeatures)
    return Target(triple, cpu, ",".join(sorted(filter(None, features.split(",")), key=lambda feature: feature[1:])))
