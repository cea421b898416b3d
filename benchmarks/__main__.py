"""Run the benchmarks: ``python -m benchmarks [SECTION ...] [--quick]``.

Each section prints its table, is kept in ``benchmarks/results.json``, and ``docs/benchmarks.md`` is
rewritten from all that is kept there. ``--quick`` runs small cases and writes nothing.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
SECTIONS = ("clustering", "loss", "step", "memory", "plugin", "window", "large", "slide", "series")


def main() -> int:
    """Measure, print, keep, write."""
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {', '.join(SECTIONS)}")
    parser.add_argument("--quick", action="store_true", help="small cases; nothing is written")
    parser.add_argument("--threads", type=int, default=2, help="threads of torch [2]")
    options = parser.parse_args()
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    unknown = set(options.sections) - set(SECTIONS)
    if unknown:
        parser.error(f"no such section: {', '.join(sorted(unknown))}; expected {SECTIONS}")

    names = options.sections or list(SECTIONS)
    if len(names) > 1:
        return in_processes_of_their_own(names, options)

    import importlib

    import torch

    from napari_spatial_embeddings.system.malloc import keep_freed_memory

    from . import page, table

    keep_freed_memory()

    torch.set_num_threads(options.threads)
    (name,) = names
    rows = importlib.import_module(f".{name}", __package__).measure(options.quick)
    print(f"\n{name}\n{table.markdown(rows)}", flush=True)
    if not options.quick:
        table.remember(name, rows, options.threads)
        print(f"\nwritten: {page.write().relative_to(ROOT)}")
    return 0


def in_processes_of_their_own(names: list[str], options: argparse.Namespace) -> int:
    """Run each section in a new process: memory that one has freed would be missed in the next."""
    status = 0
    for name in names:
        command = [sys.executable, "-m", "benchmarks", name, "--threads", str(options.threads)]
        if options.quick:
            command.append("--quick")
        status |= subprocess.run(command, cwd=ROOT, check=False).returncode
    return status


sys.exit(main())
