"""Memory that is freed and taken again: pages that Linux fills with zeros for it, counted by Linux."""

import resource
import subprocess
import sys

import pytest
from conftest import ROOT

from nuclei.compute import memory

TENSORS, PAGES = 20, 64 * 2**20 // resource.getpagesize()

PROGRAM = f"""
import resource
from nuclei.compute.memory import ask_for_large_pages, keep_freed_memory
ask_for_large_pages() if LARGE else None
import torch
assert not KEEP or keep_freed_memory()
torch.ones(2**24)  # 64 MB
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
total = sum(float(torch.ones(2**24)[-1]) for _ in range({TENSORS}))
assert total == {TENSORS}
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(large, keep):
    """Pages that Linux had to give for tensors of 64 MB, each freed before the next."""
    text = PROGRAM.replace("LARGE", str(large)).replace("KEEP", str(keep))
    done = subprocess.run(
        [sys.executable, "-c", text], cwd=ROOT / "scripts", capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.skipif(memory.platform.libc_ver()[0] != "glibc", reason="wants glibc, whose allocator it changes")
def test_freed_memory_is_used_again():
    given = faults(False, False)
    if given < TENSORS * PAGES * 0.9:
        pytest.skip(f"Linux gives large pages here without being asked: {given} page faults, not {TENSORS * PAGES}")
    assert faults(False, True) < given / 2  # some blocks are a little too small for the next tensor


def test_another_c_library_stays_as_it_is(monkeypatch):
    monkeypatch.setattr(memory.platform, "libc_ver", lambda: ("", ""))
    monkeypatch.setattr(memory.ctypes, "CDLL", None)
    assert not memory.keep_freed_memory()
