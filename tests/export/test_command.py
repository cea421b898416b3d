"""The copied command repeats what the user did in the window."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_spatial_embeddings import PROGRAM
from napari_spatial_embeddings.cli import build_parser
from napari_spatial_embeddings.cli.flags import read_flags
from napari_spatial_embeddings.config import ClusteringSettings, ExportSettings, PredictionSettings
from napari_spatial_embeddings.export.command import predict_command

posix = pytest.mark.skipif(os.name == "nt", reason="another shell's quotes")

fractions = st.floats(0, 1)
finite = st.floats(allow_nan=False, allow_infinity=False, width=32)
limits = st.tuples(finite, finite).map(sorted).filter(lambda pair: pair[0] < pair[1]).map(tuple)
thresholds = st.builds(
    ClusteringSettings,
    seed_threshold=fractions,
    foreground_threshold=fractions,
    margin_factor=st.floats(0.01, 10),
    min_size=st.integers(1, 10**6),
    min_free_fraction=fractions,
)
runs = st.builds(
    PredictionSettings,
    tile=st.integers(16, 4096),
    flips=st.booleans(),
    device=st.sampled_from(["auto", "cpu", "cuda:1"]),
)


@posix
@given(
    clustering=thresholds,
    prediction=runs,
    table=st.booleans(),
    ome=st.booleans(),
    channels=st.none() | st.lists(st.integers(0, 9), min_size=1, unique=True),
    pictures=st.builds(
        ExportSettings,
        object_type=st.just("cell"),
        slice=st.none() | st.integers(0, 99),
        contrast=st.lists(limits, max_size=3).map(lambda pairs: tuple(sum(pairs, ()))),
    ),
)
def test_the_command_is_read_as_it_was_meant(
    clustering: ClusteringSettings,
    prediction: PredictionSettings,
    table: bool,
    ome: bool,
    channels: list[int] | None,
    pictures: ExportSettings,
) -> None:
    images = ["my cells/a 1.tif", "it's.tif"]
    text = predict_command(
        images,
        "a model",
        "to/there",
        clustering,
        prediction,
        axes="CYX",
        channels=channels,
        formats=["labels", "roi", *["objects"] * table, *["ome", "panels"] * ome],
        settings=pictures,
        corrections=Path("mine/a 1.tif"),
    )
    program, *words = shlex.split(text)
    assert program == PROGRAM
    options = build_parser().parse_args(words)
    assert options.input == images
    assert (options.model, options.output, options.axes) == ("a model", "to/there", "CYX")
    assert options.channels == channels
    assert (options.table, options.maps, options.ome) == (table, False, ome)
    assert options.panels == ome
    assert options.format == (["roi", "tiff"] if ome else ["roi"])
    assert options.corrections == str(Path("mine/a 1.tif"))
    assert read_flags(vars(options), ExportSettings()) == pictures
    # Whatever the model's own thresholds are, those that were chosen count.
    own = ClusteringSettings(seed_threshold=0.123, margin_factor=3, min_size=77)
    assert read_flags(vars(options), own) == clustering
    assert read_flags(vars(options), PredictionSettings()) == prediction


def test_it_is_short() -> None:
    text = predict_command(["a.tif"], "m", "out", ClusteringSettings(), PredictionSettings())
    assert "tile" not in text
    assert "\n" not in text
