"""Devices of this machine that networks run on, and advice where a GPU is not used."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from napari_spatial_embeddings.core.text import plural
from napari_spatial_embeddings.errors import InputError

if TYPE_CHECKING:
    import torch

INSTALL = "pip install --force-reinstall torch --index-url https://download.pytorch.org/whl/cu128"
"""Gives the PyTorch that uses NVIDIA cards, on Linux and Windows."""

GUIDE = "https://pytorch.org/get-started"


@dataclass(frozen=True, slots=True)
class Device:
    """A processor or GPU.

    Parameters
    ----------
    name : str
        In settings: "cpu", "cuda", "cuda:1", "mps".
    title : str
        Name of the card, or number of the processor's threads.
    free, total : int, optional
        Memory in bytes, where it is known.
    """

    name: str
    title: str
    free: int | None = None
    total: int | None = None

    def __str__(self) -> str:
        memory = "" if self.free is None else f", {self.free / 2**30:.1f} GB free"
        return f"{self.name}: {self.title}{memory}"


def devices() -> list[Device]:
    """List the devices; "auto" chooses the first. Loads torch."""
    import torch

    found = []
    if torch.cuda.is_available():
        for k in range(torch.cuda.device_count()):
            name = f"cuda:{k}" if k else "cuda"
            free, total = torch.cuda.mem_get_info(k)
            found.append(Device(name, torch.cuda.get_device_name(k), free, total))
    if torch.backends.mps.is_available():
        total = torch.mps.recommended_max_memory()
        free = min(total - torch.mps.current_allocated_memory(), psutil.virtual_memory().available)
        found.append(Device("mps", "shares the main memory", free, total))
    memory = psutil.virtual_memory()
    threads = torch.get_num_threads()
    title = plural(threads, "thread")
    return [*found, Device("cpu", title, memory.available, memory.total)]


def choose_device(name: str = "auto") -> torch.device:
    """Return the device of a setting; "auto" prefers cuda, then mps. Loads torch.

    Raises
    ------
    InputError
        If the device does not exist here.
    """
    import torch

    available = {"cpu": True, "cuda": torch.cuda.is_available()}
    available["mps"] = torch.backends.mps.is_available()
    if name == "auto":
        return torch.device(next(k for k in ("cuda", "mps", "cpu") if available[k]))
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or not available.get(device.type):
        here = ", ".join(k for k, v in available.items() if v)
        raise InputError(f"there is no device '{name}' here; choose one of: auto, {here}")
    return device


def peak_gpu_memory(device: torch.device) -> int:
    """Return the most bytes of an NVIDIA card that this process has held so far; else 0."""
    import torch

    return torch.cuda.max_memory_reserved(device) if device.type == "cuda" else 0


def advice() -> str:
    """Return what to do about an NVIDIA card that torch does not use; or "". Loads torch."""
    import torch

    if torch.cuda.is_available() or not has_nvidia_card():
        return ""
    if torch.version.cuda is None:
        return (
            "There is an NVIDIA card, but the installed PyTorch cannot use it. To train many times"
            f" faster, run in this environment: {INSTALL} (others: {GUIDE})"
        )
    return (
        "There is an NVIDIA card, but PyTorch cannot reach it: its driver may be too old for CUDA"
        f" {torch.version.cuda}, or no card is given to this session. Update the driver; {GUIDE}"
        " lists which versions fit"
    )


def has_nvidia_card(drivers: Path = Path("/proc/driver/nvidia/gpus")) -> bool:
    """Whether the system knows of an NVIDIA card. Runs nothing."""
    if drivers.is_dir() and any(drivers.iterdir()):
        return True
    if os.name == "posix" and drivers.parent.parent.is_dir():
        return False  # nvidia-smi may be installed where there is no card
    return shutil.which("nvidia-smi") is not None
