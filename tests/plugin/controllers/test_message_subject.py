"""Messages that are taken back once what they are about is gone."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from napari_spatial_embeddings.plugin.controllers.image_choice import ImageChoice
from napari_spatial_embeddings.plugin.controllers.message_subject import MessageSubject, names
from plugin.owners import Owners


@pytest.fixture
def choice(owners: Owners) -> Iterator[ImageChoice]:
    """Return the choice of the image; messages are taken back as in the dock."""
    made = ImageChoice(owners.viewer, owners.session, owners.images)
    changes = owners.images.changed, made.changed, owners.annotation.changed
    subject = MessageSubject(owners.viewer, owners.session, changes)
    yield made
    subject.close()
    made.close()


@pytest.mark.parametrize("act", ["remove", "hide", "choose", "show"])
def test_that_an_image_lies_over_another_one_holds_while_it_does(
    owners: Owners, choice: ImageChoice, act: str
) -> None:
    viewer, images = owners.viewer, owners.images
    viewer.add_image(np.zeros((40, 40), np.uint8), name="below")
    owners.actions.begin().draw()
    above = viewer.add_image(np.zeros((40, 40), np.uint8), name="above")
    assert "above lies over below" in owners.messages[-1]
    ways: dict[str, Callable[[], object]] = {
        "remove": lambda: viewer.layers.remove(above),
        "hide": lambda: setattr(above, "visible", False),
        "choose": lambda: images.choose(above),
        "show": choice.show_current,
    }
    ways[act]()
    assert owners.messages[-1] == ""


@pytest.mark.usefixtures("choice")
def test_a_message_goes_with_the_layer_that_it_names(owners: Owners) -> None:
    viewer, say = owners.viewer, owners.session.say
    drawn = viewer.add_labels(np.zeros((40, 40), np.uint8), name="drawn (2)")
    other = viewer.add_labels(np.zeros((40, 40), np.uint8), name="other")
    say("drawn (2) has the shape (40, 40), the image (50, 50)", "error")
    viewer.layers.remove(other)
    assert "drawn (2)" in owners.messages[-1]
    viewer.layers.remove(drawn)
    assert owners.messages[-1] == ""
    say("Everything is saved again.")
    viewer.layers.clear()
    assert owners.messages[-1] == "Everything is saved again."


@pytest.mark.usefixtures("choice")
def test_a_message_is_taken_back_once_it_holds_no_longer(owners: Owners) -> None:
    true = True
    owners.session.say("It holds", "error", lambda: true)
    owners.images.changed.emit()
    assert owners.messages[-1] == "It holds."
    true = False
    owners.images.changed.emit()
    assert owners.messages[-1] == ""
    count = len(owners.messages)
    owners.images.changed.emit()
    assert len(owners.messages) == count


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("cells lies over it.", True),
        ("Nothing of cells, nor of others.", True),
        ("Not saved: /data/cells cannot be written.", False),
        ("Not saved: /data/cells/project.json cannot be written.", False),
        ("The subcells are few.", False),
    ],
)
def test_a_name_within_a_path_or_a_word_is_none(text: str, named: bool) -> None:
    assert names(text, "cells") is named
    assert not names(text, "")
