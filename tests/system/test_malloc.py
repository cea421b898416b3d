"""Freed memory that stays with the process."""

from __future__ import annotations

import subprocess
import sys

import pytest

from napari_spatial_embeddings.system.malloc import keep_freed_memory

FAULTS = """
import resource, sys
from concurrent.futures import ThreadPoolExecutor
import numpy as np
from napari_spatial_embeddings.system.malloc import keep_freed_memory

alone, kept = sys.argv[1] == "alone", sys.argv[2] == "kept"
if kept:  # as at the start of a program, which has no threads yet
    assert keep_freed_memory(alone=alone)
size = (6 if alone else 3) << (20 if alone else 18)  # 48 MB each, or 6

def fill():
    for _ in range(20):
        blocks = [np.ones(size) for _ in range(2)]
        del blocks

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    if alone:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(fill).result()
    else:
        fill()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults()
print(faults())
"""


@pytest.mark.skipif(not keep_freed_memory(), reason="the C library has no mallopt")
@pytest.mark.parametrize("whose", ["alone", "shared"])
def test_memory_that_is_asked_for_again_comes_without_page_faults(whose: str) -> None:
    def faults(how: str) -> int:
        command = [sys.executable, "-c", FAULTS, whose, how]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return int(done.stdout)

    assert faults("kept") < faults("usual") / 10
