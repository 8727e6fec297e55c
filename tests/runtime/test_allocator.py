"""Freed memory stays with the process, where glibc's allocator can be told so."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from shapebias.runtime.allocator import keep_freed_memory

GLIBC = "CS_GNU_LIBC_VERSION" in getattr(os, "confstr_names", {})
VARIABLES = "MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "MALLOC_TOP_PAD_", "MALLOC_MMAP_MAX_", "GLIBC_TUNABLES"

# The kernel's count of resident pages after 96 MiB in blocks of 48 MiB were freed.
RESIDENT_AFTER = """
import sys
from pathlib import Path
from shapebias.runtime.allocator import keep_freed_memory
if sys.argv[1:]:
    keep_freed_memory()
for _ in range(2):
    blocks = [b"x" * (48 * 2**20) for _ in range(2)]
    del blocks
print(int(Path("/proc/self/statm").read_text().split()[1]))
"""


def resident_mib(*arguments: str, **variables: str) -> float:
    environment = {name: value for name, value in os.environ.items() if name not in VARIABLES} | variables
    command = [sys.executable, "-c", RESIDENT_AFTER, *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return int(done.stdout) * os.sysconf("SC_PAGE_SIZE") / 2**20


@pytest.mark.skipif(not (GLIBC and Path("/proc/self/statm").exists()), reason="needs glibc on Linux")
def test_what_was_freed_stays_with_the_process():
    returned, kept = resident_mib(), resident_mib("keep")
    assert kept > returned + 80
    by_the_user = resident_mib("keep", MALLOC_TRIM_THRESHOLD_="131072")
    assert by_the_user < returned + 80


@pytest.mark.parametrize("name", ["MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"])
def test_the_users_variables_win(monkeypatch, name):
    monkeypatch.setattr("ctypes.CDLL", lambda _: pytest.fail("the allocator was changed"))
    monkeypatch.setenv(name, "131072")
    assert not keep_freed_memory()


def test_the_users_tunables_win(monkeypatch):
    monkeypatch.setattr("ctypes.CDLL", lambda _: pytest.fail("the allocator was changed"))
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.trim_threshold=131072")
    assert not keep_freed_memory()


def test_another_c_library_is_left_alone(monkeypatch):
    monkeypatch.setattr("ctypes.CDLL", lambda _: pytest.fail("the allocator was changed"))
    monkeypatch.setattr("os.confstr_names", {})
    assert not keep_freed_memory()


def test_a_glibc_that_accepts_small_blocks_only_is_asked_for_these(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.confstr_names", {"CS_GNU_LIBC_VERSION": 2})
    asked = []

    class OldGlibc:
        @staticmethod
        def mallopt(option, value):
            asked.append((option, value))
            return int(option != -3 or value <= 32 * 2**20)

    monkeypatch.setattr("ctypes.CDLL", lambda _: OldGlibc)
    assert keep_freed_memory()
    assert asked == [(-3, 128 * 2**20), (-3, 32 * 2**20), (-1, 512 * 2**20)]
