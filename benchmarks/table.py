"""Rows of measurements, as text, as markdown, and with the machine they were made on."""

from __future__ import annotations

import json
import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean, stdev
from typing import Any

Row = dict[str, Any]

RESULTS = Path(__file__).parent / "results.json"


def milliseconds(seconds: float) -> str:
    """Return a duration in ms with three digits."""
    value = seconds * 1e3
    return f"{value:,.0f} ms" if value >= 100 else f"{value:.3g} ms"


def markdown(rows: list[Row]) -> str:
    """Return rows as a table."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    for row in rows:
        cells = [row.get(column, "") for column in columns]
        texts = [f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in cells]
        lines.append("| " + " | ".join(texts) + " |")
    return "\n".join(lines)


def spread(values: list[float], sign: str = "") -> str:
    """Return mean and standard deviation over seeds, if there are several."""
    if not values:
        return ""
    more = f" ± {stdev(values):.3f}" if len(values) > 1 else ""
    return f"{mean(values):{sign}.3f}{more}"


def machine(threads: int) -> str:
    """Describe this machine and the versions that matter."""
    import numba
    import numpy as np
    import torch

    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = info.read_text().splitlines()
        names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
        name = names[0] if names else name
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    return (
        f"{name}, {os.cpu_count()} cores, {threads} threads{gpu}; {platform.system()}, Python"
        f" {platform.python_version()}, torch {torch.__version__.split('+')[0]}, numpy"
        f" {np.__version__}, numba {numba.__version__}"
    )


def remember(section: str, rows: list[Row], threads: int) -> None:
    """Keep a section's rows, so that the others need not run again."""
    saved = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    saved[section] = {
        "date": datetime.now(tz=UTC).date().isoformat(),
        "machine": machine(threads),
        "rows": rows,
    }
    RESULTS.write_text(json.dumps(saved, indent=1) + "\n")


def recall() -> dict[str, Any]:
    """Return all sections measured so far."""
    return dict(json.loads(RESULTS.read_text())) if RESULTS.exists() else {}
