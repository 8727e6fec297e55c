"""The allocator of main memory: whether what was freed is used again, or returned to the system.

By default glibc returns large blocks when they are freed, and the kernel clears their pages again for the next layer.
"""

from __future__ import annotations

import ctypes
import os

__all__ = ["keep_freed_memory"]

# Of <malloc.h>.  128 MiB are more than a layer's output for a batch on a CPU, and less than most stimuli of a whole
# part, which would leave gaps in the heap.  Some versions of glibc accept no more than 32 MiB.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_LARGEST_BLOCK = 2**27, 2**25
_MOST = 2**29

_OF_THE_USER = ("MALLOC_MMAP_MAX_", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TOP_PAD_", "MALLOC_TRIM_THRESHOLD_")


def keep_freed_memory() -> bool:
    """Let this process use memory again that it has freed, up to 512 MiB, instead of returning it to the system.

    Networks of large images are faster on a CPU, and the process takes somewhat more memory.  The command line does
    this when it computes, and so do the workers of ``ray``; in Python it is for the program to decide.  It changes
    glibc's allocator on Linux only, and not where the user has set it by one of its variables, such as
    ``MALLOC_TRIM_THRESHOLD_``.  No result changes.

    Returns:
        Whether the allocator was changed.
    """
    if "CS_GNU_LIBC_VERSION" not in getattr(os, "confstr_names", {}) or _is_set_by_the_user():
        return False
    set_option = ctypes.CDLL(None).mallopt
    kept = any(set_option(_M_MMAP_THRESHOLD, size) for size in _LARGEST_BLOCK)
    return bool(set_option(_M_TRIM_THRESHOLD, _MOST)) and kept


def _is_set_by_the_user() -> bool:
    return "glibc.malloc" in os.environ.get("GLIBC_TUNABLES", "") or any(name in os.environ for name in _OF_THE_USER)
