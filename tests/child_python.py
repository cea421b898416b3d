"""Child processes of the same interpreter, which import what the tests can import."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def start_python(script: str, *arguments: str) -> subprocess.Popen[str]:
    """Start a script in a process of its own, with warnings as errors.

    Only those about forks are ignored: libraries of numbers hold threads that do nothing.
    """
    paths = [str(Path(__file__).parent), *sys.path]
    warnings = ("-W", "error", "-W", "ignore:.*fork:DeprecationWarning")
    return subprocess.Popen(
        [sys.executable, *warnings, "-c", script, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )
