"""Passes from loops to the `llvm` dialect."""
