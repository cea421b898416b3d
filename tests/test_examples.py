"""The examples, run as scripts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parent.parent / "examples"


def run(name: str, *arguments: str) -> str:
    command = [sys.executable, "-W", "error", str(EXAMPLES / name), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def test_every_example_is_run() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == {"few_objects.py", "live_thresholds.py"}


def test_few_objects() -> None:
    assert "objects found" in run("few_objects.py", "0.001")


def test_larger_minima_leave_fewer_objects() -> None:
    counts = [int(line.split(":")[1].split()[0]) for line in run("live_thresholds.py").splitlines()]
    assert len(counts) == 5
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[-1]
