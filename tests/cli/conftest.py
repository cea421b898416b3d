"""Fixtures of the command line's tests: a small training set, and a model of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from command_line import done, pairs, training_set


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three images of cells, all annotated. To be read only."""
    return training_set(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="session")
def model(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that has learned a little, just enough to find something. To be read only."""
    output = tmp_path_factory.mktemp("trained") / "model"
    size = "--width", 8, "--levels", 2, "--crop-size", 32, "--large-crop-share", 0
    done("train", *pairs(data), "--output", output, "--epochs", 16, "--learning-rate", 0.01, *size)
    return output


@pytest.fixture(scope="session")
def predicted(data: Path, model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The labels, maps and tables that the model predicts. To be read only."""
    output = tmp_path_factory.mktemp("predicted") / "output"
    done("predict", data / "images", "--model", model, "--output", output, "--maps", "--table")
    return output
