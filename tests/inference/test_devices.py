"""Devices: what there is, and what to do where a graphics card lies idle."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest
import torch

from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.inference import devices
from napari_spatial_embeddings.inference.devices import choose_device


def test_every_device_can_be_chosen() -> None:
    found = devices.devices()
    for device in found:
        assert str(choose_device(device.name)) == device.name
    cpu = found[-1]
    assert cpu.total == psutil.virtual_memory().total
    assert cpu.total is not None
    assert cpu.free is not None
    assert 0 < cpu.free <= cpu.total
    assert str(cpu).startswith(f"cpu: {torch.get_num_threads()} thread")


def test_knows_a_card_by_its_driver(tmp_path: Path) -> None:
    drivers = tmp_path / "driver" / "nvidia" / "gpus"
    (drivers / "0000:01:00.0").mkdir(parents=True)
    assert devices.has_nvidia_card(drivers)
    (drivers / "0000:01:00.0").rmdir()
    assert not devices.has_nvidia_card(drivers)


@pytest.mark.parametrize(
    ("card", "reached", "built_for", "says"),
    [
        (True, False, None, devices.INSTALL),
        (True, False, "12.8", "its driver may be too old for CUDA 12.8"),
        (True, True, "12.8", ""),
        (False, False, None, ""),
    ],
)
def test_says_what_to_do(
    card: bool, reached: bool, built_for: str | None, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "has_nvidia_card", lambda: card)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: reached)
    monkeypatch.setattr(torch.version, "cuda", built_for)
    advice = devices.advice()
    assert says in advice
    assert bool(advice) == bool(says)


def test_a_device_that_is_not_here_is_a_sentence() -> None:
    assert choose_device("cpu").type == "cpu"
    assert choose_device("auto").type in ("cpu", "cuda", "mps")
    missing = "mps" if torch.cuda.is_available() else "cuda"
    for name in ("abacus", f"{missing}:7", "meta"):
        with pytest.raises(InputError, match=f"no device '{name}' here; choose one of: auto, cpu"):
            choose_device(name)
