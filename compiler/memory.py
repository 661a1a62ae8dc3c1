"""Memory that is kept from call to call."""

from runtime.dispatch.native_library import native_library


def release_memory() -> int:
    """Return the memory that is kept for the results and temporaries of later calls to the system.

    Large results are taken from blocks that were those of earlier results which nothing refers to any more, because new
    memory costs more time than most programs take to fill it. At most an eighth of the machine's memory is kept so, or the
    `DLC_POOL_SIZE` that the environment gives, and what was not used for long is returned without being asked for. Arrays that are alive are left alone.

    Returns:
        The number of bytes returned.

    Example:
        >>> from compiler import jit
        >>> double = jit(lambda x: 2 * x)
        >>> for _ in range(3):
        ...     y = double(np.ones(1_000_000))
        >>> release_memory() >= y.nbytes  # the result before the last
        True
        >>> release_memory()
        0
    """
    library = native_library()
    return 0 if library is None else library.release_memory()
