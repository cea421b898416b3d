"""Words for what a training learns from and what it holds out: of the next one, or of the last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from napari_spatial_embeddings.core.text import plural
from napari_spatial_embeddings.plugin.state.training_state import TrainingState
from napari_spatial_embeddings.training.held_out import OBJECTS_FROM, HeldOut

SOME = "Some objects will be held out: not learned from, they choose the best model."

PLANS = {
    HeldOut.IMAGES: SOME,
    HeldOut.OBJECTS: SOME,
    HeldOut.UNWANTED: "Nothing will be held out: in the settings, validation share is 0.",
    HeldOut.SEEN: (
        "Nothing will be held out: the start model has learned from all but a few of these."
    ),
    HeldOut.FEW: (
        f"Nothing will be held out yet: with {OBJECTS_FROM} objects, some choose the best model."
    ),
}
"""Sentences for before a training starts."""


def plan_texts(rule: HeldOut, shipped: Sequence[str]) -> tuple[str, str]:
    """Return what the next training holds out, and what would have it hold out more.

    Parameters
    ----------
    rule : HeldOut
    shipped : sequence of str
        Shipped models from which a training would hold out something.
    """
    better = rule == HeldOut.SEEN and shipped
    names = " or ".join(["scratch", *shipped])
    return PLANS[rule], f"Start from {names} to have some choose the best." if better else ""


def used_text(training: TrainingState) -> str:
    """Return what a training learns from and what it holds out, as far as its reports go."""
    used = training.used.get("used")
    if not used:
        return ""
    device = f", on {training.used['device']}" if training.used.get("device") else ""
    text = f"{plural(used['objects'], 'annotated object')} in {plural(used['images'], 'image')}"
    found = next((r["validation"] for r in training.reports if r.get("validation")), None)
    return f"{text}{device}.{_held_out_text(found)}"


def _held_out_text(validation: dict[str, Any] | None) -> str:
    if validation is None:
        return ""
    if not validation["held_out"]:
        return " None is held out."
    number = validation.get("objects")  # missing in reports of earlier versions
    if number is None:
        return " Some are held out."
    return f" {number} held-out {'one chooses' if number == 1 else 'ones choose'} the best model."


def share_text(training: TrainingState) -> str:
    """Return the share of the pixels that are annotated."""
    used = training.used.get("used")
    if not used:
        return ""
    known = used["object_pixels"] + used["background_pixels"]
    share = known / max(1, known + used["ignored_pixels"])
    return f"{share:.1%} of the pixels are annotated, as objects or as background."
