"""The reference interpreter: runs IR of every stage from `tensor` to `loops` in NumPy, and checks its contracts."""

from runtime.reference.interpreter import interpret

__all__ = ["interpret"]
