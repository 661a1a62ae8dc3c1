"""The dialects: `dlc` (tensors), `rt` (kernels and launches), `nvvm`, and what xDSL's own lack."""

from dialects.lazy_formats import read_formats_when_needed

read_formats_when_needed()
