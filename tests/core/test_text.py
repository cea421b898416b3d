import pytest

from napari_spatial_embeddings.core.text import clock, plural, sentence


@pytest.mark.parametrize(("n", "text"), [(0, "0 images"), (1, "1 image"), (2, "2 images")])
def test_plural(n: int, text: str) -> None:
    assert plural(n, "image") == text


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (65.9, "1:05"), (3600, "60:00")])
def test_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("there is no model yet", "There is no model yet."),
        ("not saved: the disk is full", "Not saved: the disk is full."),
        ("where is it?", "Where is it?"),
        ("12 objects were added", "12 objects were added."),
        # Names and paths keep their letters, and end as they can be copied.
        ("cells.tif holds no image", "cells.tif holds no image."),
        ("cells: the labels hold ids above 9", "cells: the labels hold ids above 9."),
        ("cells 0: the model takes 2D images", "cells 0: the model takes 2D images."),
        ("film has 5 axes", "film has 5 axes."),
        ("/home/me/a is no model", "/home/me/a is no model."),
        ("wrote labels to /home/me/results", "Wrote labels to /home/me/results"),
        (r"wrote labels to C:\results", r"Wrote labels to C:\results"),
        ("", ""),
    ],
)
def test_sentences(text: str, shown: str) -> None:
    assert sentence(text) == shown
    assert sentence(shown) == shown, "a sentence stays as it is"
