"""The settings refuse invalid values, with a sentence."""

from __future__ import annotations

import math
import typing

import pytest
from pydantic import ValidationError

from napari_spatial_embeddings.config import (
    ClusteringSettings,
    LossSettings,
    ModelSettings,
    PredictionSettings,
    Settings,
    TrainingSettings,
)

ALL: tuple[type[Settings], ...] = (
    ClusteringSettings,
    PredictionSettings,
    ModelSettings,
    LossSettings,
    TrainingSettings,
)


@pytest.mark.parametrize("kind", ALL)
def test_defaults_are_valid_and_survive_a_file(kind: type[Settings]) -> None:
    settings = kind()
    assert kind.model_validate_json(settings.model_dump_json()) == settings
    assert kind.model_validate(settings.model_dump(mode="json")) == settings


@pytest.mark.parametrize("kind", ALL)
def test_unknown_keys_are_refused(kind: type[Settings]) -> None:
    with pytest.raises(ValidationError, match="widht"):
        kind.model_validate({"widht": 3})
    with pytest.raises(ValidationError, match="widht"):
        kind().updated(widht=3)


@pytest.mark.parametrize("kind", ALL)
def test_settings_are_frozen(kind: type[Settings]) -> None:
    name = next(iter(kind.model_fields))
    with pytest.raises(ValidationError, match="frozen"):
        setattr(kind(), name, getattr(kind(), name))


@pytest.mark.parametrize("kind", ALL)
def test_every_field_has_a_description_for_its_help(kind: type[Settings]) -> None:
    for name, field in kind.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name


def test_updated_changes_only_what_it_is_told_and_validates_it() -> None:
    settings = ClusteringSettings(min_size=5)
    changed = settings.updated(margin_factor=1.5)
    assert (changed.margin_factor, changed.min_size, settings.margin_factor) == (1.5, 5, 1.0)
    with pytest.raises(ValidationError, match="margin_factor"):
        settings.updated(margin_factor=-1)


@pytest.mark.parametrize(
    ("kind", "bad"),
    [
        (ClusteringSettings, {"seed_threshold": 1.1}),
        (ClusteringSettings, {"foreground_threshold": -0.1}),
        (ClusteringSettings, {"seed_threshold": math.nan}),
        (ClusteringSettings, {"margin_factor": 0}),
        (ClusteringSettings, {"margin_factor": math.inf}),
        (ClusteringSettings, {"min_size": 0}),
        (PredictionSettings, {"tile": 8}),
        (PredictionSettings, {"halo": -1}),
        (ModelSettings, {"ndim": 4}),
        (ModelSettings, {"in_channels": 0}),
        (ModelSettings, {"classes": ()}),
        (ModelSettings, {"width": 6}),
        (ModelSettings, {"levels": 0}),
        (ModelSettings, {"working_diameter": 0}),
        (ModelSettings, {"high_percentile": 50}),
        (LossSettings, {"centre": "corner"}),
        (LossSettings, {"seed_weight": -1}),
        (TrainingSettings, {"minutes": 0}),
        (TrainingSettings, {"learning_rate": math.nan}),
        (TrainingSettings, {"loss": {"centre": "corner"}}),
    ],
)
def test_values_out_of_bounds_are_refused(kind: type[Settings], bad: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=next(iter(bad))):
        kind.model_validate(bad)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"ndim": 3}, "spacing has 2 values for 3 axes"),
        ({"spacing": (2.0, 3.0)}, "finest axis must have spacing 1, not 2"),
        ({"spacing": (0.5, 1.0)}, "finest axis must have spacing 1, not 0.5"),
        ({"classes": ("cell", "cell")}, "class names must differ: cell, cell"),
    ],
)
def test_fields_that_contradict_each_other_are_refused(
    bad: dict[str, object], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        ModelSettings.model_validate(bad)


def test_sigma_components() -> None:
    assert ModelSettings().sigma_components == 2
    assert ModelSettings(ndim=3, spacing=(2, 1, 1)).sigma_components == 3
    assert ModelSettings(sigma_per_axis=False).sigma_components == 1


@pytest.mark.parametrize(
    ("given", "budget"),
    [
        ({}, (900, math.inf)),
        ({"minutes": 2}, (120, math.inf)),
        ({"epochs": 7}, (math.inf, 7)),
        ({"minutes": 0.5, "epochs": 7}, (30, 7)),
    ],
)
def test_time_or_epochs_end_a_training(
    given: dict[str, typing.Any], budget: tuple[float, float]
) -> None:
    assert TrainingSettings(**given).budget == budget
