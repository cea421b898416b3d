"""Freed memory that stays with the process."""

from __future__ import annotations

import subprocess
import sys

import pytest

from napari_spatial_embeddings.system.malloc import keep_freed_memory

FAULTS = """
import resource
import numpy as np
from napari_spatial_embeddings.system.malloc import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(50):
        blocks = [np.ones(3 << 18) for _ in range(4)]  # 6 MB each
        del blocks
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

usual = faults()
assert keep_freed_memory()
faults()
print(usual, faults())
"""


@pytest.mark.skipif(not keep_freed_memory(), reason="the C library has no mallopt")
def test_memory_that_is_asked_for_again_comes_without_page_faults() -> None:
    command = [sys.executable, "-c", FAULTS]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    usual, kept = map(int, done.stdout.split())
    assert kept < usual / 10
