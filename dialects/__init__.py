"""The dialects: `dlc` (tensors), `rt` (kernels and launches), `nvvm`, and what xDSL's own lack."""

from dialects.lazy_methods import compile_methods_when_called

compile_methods_when_called()

from dialects.lazy_formats import read_formats_when_needed  # noqa: E402 - imports xDSL

read_formats_when_needed()
