"""``train``: images and labels in, a model's folder out."""

from __future__ import annotations

import argparse
import json
import math
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_spatial_embeddings.config import ModelSettings, TrainingSettings
from napari_spatial_embeddings.errors import InputError

from .flags import CallError, checked_folder, read_flags
from .suits import check_kind

if TYPE_CHECKING:
    from napari_spatial_embeddings.training import Report

CHECKPOINT = "checkpoint.safetensors"

FOUND = ("ndim", "in_channels", "classes", "spacing")
"""Settings of a model that the images, the labels and the table of classes tell."""


def train(options: argparse.Namespace) -> int:
    """Run the command."""
    from napari_spatial_embeddings import training
    from napari_spatial_embeddings.annotations import usage
    from napari_spatial_embeddings.registry import find_model

    from .annotated import read_annotated

    settings = read_flags(options, TrainingSettings())
    output = checked_folder(options.output)
    _check_output(output, options.resume)
    if bool(options.val_images) != bool(options.val_labels):
        raise CallError("--val-images and --val-labels go together; give both or neither")
    start = find_model(options.model) if options.model else None
    own = read_flags(options, ModelSettings(), FOUND)
    given = [k for k in ModelSettings.model_fields if k not in FOUND and hasattr(options, k)]
    fixed = [k for k in given if k != "object_diameter"]
    if start and fixed:
        flag = fixed[0].replace("_", "-")
        raise CallError(f"--{flag}: only a fresh model can be given this; leave it or --model out")
    data = read_annotated(options, start.settings.classes if start else None)
    start = start or training.fresh_model(
        data.images,
        spacing=data.spacing,
        classes=data.classes,
        seed=settings.seed,
        **{name: getattr(own, name) for name in given},
    )
    for image in data.images + data.aside:
        try:
            check_kind(start, image.image)
        except InputError as error:
            raise CallError(f"{image.name}: {error}") from error
    start.pixel_size = data.pixel_size or start.pixel_size
    start.unit = data.unit or start.unit
    reports = training.train(
        data.images,
        settings,
        start,
        validation=data.aside or None,
        checkpoint=output / CHECKPOINT,
        object_diameter=own.object_diameter if "object_diameter" in given else None,
    )
    used = usage(data.images)
    _say(options, f"training on {used}", {"event": "start", "used": asdict(used)})
    report = follow(reports, output, as_json=options.json)
    if report is None:
        raise CallError(
            f"the training in {output} is finished; give more --minutes or --epochs to go on"
        )
    found = report.model.history[-1] if report.model.history else {}
    _say(
        options,
        f"{_result(found)}; the model is in {output}",
        {"event": "end", "model": str(output), **found},
    )
    return 0


def _check_output(output: Path, resume: bool) -> None:
    from napari_spatial_embeddings.model import CARD, WEIGHTS

    there = (output / CHECKPOINT).exists()
    if resume and not there:
        raise CallError(f"--resume: {output} holds no training to go on with")
    if there and not resume:
        raise CallError(
            f"--output: {output} holds a training already; add --resume to go on with it, or choose"
            " another folder"
        )
    if not there and any((output / name).exists() for name in (CARD, WEIGHTS)):
        raise CallError(f"--output: {output} holds a model already; choose another folder")


def _result(found: dict[str, Any]) -> str:
    if not found:
        return "not validated yet"
    kind = "on held-out images" if found["held_out"] else "on the training images"
    return f"AP50 {found['ap50']:.3f} {kind}"


def follow(
    reports: Iterator[Report], output: Path, *, as_json: bool = False, quiet: bool = False
) -> Report | None:
    """Show the reports as they come and save the best model; Ctrl+C ends the training."""
    from tqdm import tqdm

    silent = as_json or quiet
    # A bar is for terminals: without one, the lines that are written are enough.
    bar = tqdm(
        total=1.0,
        disable=True if silent else None,
        bar_format="{desc} |{bar}| {postfix}",
        leave=False,
    )
    last = None
    with _stop_signal() as stop:
        for last in reports:
            if last.validation is not None:
                last.model.save(output)
            if as_json:
                sys.stdout.write(json.dumps(_plain(last)) + "\n")
                sys.stdout.flush()
            elif not quiet:
                _show(bar, last)
            if stop.is_set() and not last.done:
                if not silent:
                    bar.write("stopped; the best model so far is kept, and --resume goes on")
                reports.close()  # type: ignore[attr-defined]
                last.model.save(output)
                break
    bar.close()
    return last


@contextmanager
def _stop_signal() -> Iterator[threading.Event]:
    """Turn the first Ctrl+C (or a polite kill) into a wish to stop; the second one interrupts."""
    asked = threading.Event()

    def ask(_number: int, _frame: object) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, ask) for number in numbers]
    try:
        yield asked
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _show(bar: Any, report: Report) -> None:
    total = report.seconds + report.seconds_left
    bar.n = 1.0 if report.done else report.seconds / max(total, 1e-9)
    left = f"{int(report.seconds_left // 60)}:{int(report.seconds_left % 60):02d} left"
    bar.set_description_str(f"step {report.step}, loss {report.loss:.3f}", refresh=False)
    bar.set_postfix_str(f"{left}, {report.steps_per_second:.1f} steps/s")
    if report.message:
        bar.write(report.message)
    if report.validation is not None:
        found = report.validation
        kind = "" if found.held_out else " (on the training images)"
        bar.write(
            f"{report.seconds:6.0f} s  step {report.step:6d}  loss {report.loss:6.3f}  "
            f"AP50 {found.ap50:.3f}  mean AP {found.mean_ap:.3f}{kind}"
        )


def _plain(report: Report) -> dict[str, Any]:
    """Return a report as JSON takes it."""
    out = {k: getattr(report, k) for k in report.__slots__ if k not in ("model", "validation")}
    for key, value in out.items():
        if isinstance(value, float):
            out[key] = round(value, 6) if math.isfinite(value) else None
    out["validation"] = asdict(report.validation) if report.validation else None
    return {"event": "report", **out}


def _say(options: argparse.Namespace, text: str, fact: dict[str, Any]) -> None:
    sys.stdout.write((json.dumps(fact) if options.json else text) + "\n")
    sys.stdout.flush()
