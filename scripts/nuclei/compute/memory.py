"""Memory that a training on a CPU would give back and ask for again with every step."""

import ctypes
import os
import platform

TRIM_THRESHOLD, MMAP_MAX = -1, -4  # M_TRIM_THRESHOLD and M_MMAP_MAX of glibc's malloc.h


def ask_for_large_pages() -> None:
    """Let torch ask Linux for pages of 2 MB for large tensors on the CPU. Call it before torch is imported.

    Where the system has `madvise` in /sys/kernel/mm/transparent_hugepage/enabled, it gives them only to whom asks.
    """
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # of torch 2.14.1


def keep_freed_memory() -> bool:
    """Let this process keep the memory that it frees, for its next step. Numbers stay the same.

    By default glibc takes large blocks from the system and gives them back when they are freed, and Linux fills each
    page with zeros when it is first used: in a training, all of them in each step. Returns whether it was done; another
    C library than glibc stays as it is. Source: mallopt(3).
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    library = ctypes.CDLL(None)
    return bool(library.mallopt(MMAP_MAX, 0) and library.mallopt(TRIM_THRESHOLD, -1))
