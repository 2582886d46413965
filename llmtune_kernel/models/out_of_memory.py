"""Did memory run out? Without torch, so that it can be asked where torch could not be imported."""

from __future__ import annotations

import errno


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says so: by its class or number, or, of torch on a CPU, by the name of what gives memory."""
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    by_class = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    return by_class or (isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error))
