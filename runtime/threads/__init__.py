"""Threads: how many a program may use, and the pool that runs the parts of its work."""
