"""Calls in native code: callables that check their arguments, allocate results and run a program without Python."""
