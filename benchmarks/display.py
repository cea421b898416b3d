"""A window to measure: in a process of its own, and on a virtual screen where there is no other.

A process of its own, as a viewer's may not load what others here have loaded.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from .table import Row

ROOT = Path(__file__).parent.parent


def rows_of(module: str, *arguments: str) -> list[Row]:
    """Run a module of this package in a window; return the rows that it prints last, as JSON."""
    command = [sys.executable, "-m", f"benchmarks.{module}", *arguments]
    if sys.platform == "linux" and not os.environ.get("DISPLAY"):
        virtual = shutil.which("xvfb-run")
        if virtual is None:
            raise SystemExit(f"the section {module} needs a display: install xvfb, or leave it out")
        command = [virtual, "-a", "-s", "-screen 0 1280x800x24", *command]
    paths = [str(ROOT), str(ROOT / "src"), *filter(None, [os.environ.get("PYTHONPATH")])]
    ran = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )
    if ran.returncode:
        raise SystemExit(f"the section {module} could not be measured")
    rows: list[Row] = json.loads(ran.stdout.splitlines()[-1])
    return rows
