"""The dialects: `dlc` (tensors), `rt` (kernels and launches), `nvvm`, and what xDSL's own lack."""
