"""Tools that correct links: the text on their buttons, and their effect on the corrections."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_spatial_embeddings.errors import InputError

if TYPE_CHECKING:
    from napari_spatial_embeddings.tracking.corrections import LinkCorrections
    from napari_spatial_embeddings.tracking.tracks import Place, Tracks

LinkChange = Callable[["LinkCorrections", "Tracks"], tuple["LinkCorrections", str]]
"""Returns new corrections, and a sentence about them; called in a thread."""


@dataclass(frozen=True, slots=True)
class LinkTool:
    """One way to correct links.

    Parameters
    ----------
    name : str
        On its button.
    key : str
        Chooses it while the layer of the tracked cells is active.
    hints : tuple of str
        What to do for each of its clicks; ``{taken}`` stands for the cell that was clicked first,
        ``{frame}`` for the frame in which it was.
    """

    name: str
    key: str
    hints: tuple[str, ...]


LINK_TOOLS: dict[str, LinkTool] = {
    "same": LinkTool("Same cell", "J", ("Click a cell.", "Click {taken} in another frame too.")),
    "apart": LinkTool(
        "Not the same",
        "U",
        ("Click a cell.", "Click the other cell, in another frame."),
    ),
    "division": LinkTool(
        "Division",
        "D",
        (
            "1 of 3: click the mother, in the last frame before she divides.",
            "2 of 3: {taken} is the mother, up to frame {frame}. Click a daughter in a later one.",
            "3 of 3: click the other daughter of {taken}.",
        ),
    ),
    "end": LinkTool("End", "E", ("Click a cell in its last frame.",)),
}


def check_clicks(tool: str, places: Sequence[Place]) -> None:
    """Check the clicks so far.

    Raises
    ------
    InputError
        If the last one does not go with those before.
    """
    if len(places) < 2:
        return
    (frame, _), last = places[0], places[-1]
    if tool == "division" and last[0] <= frame:
        raise InputError(
            f"the mother was clicked first, in frame {frame}: click her daughters in a later one;"
            " with the key D, another mother"
        )
    if last[0] == frame:
        raise InputError(
            f"this is still frame {frame}, where a cell is only once: go to another frame, and"
            " click there"
        )
    if last in places[1:-1]:
        raise InputError("this is the first daughter: click the second one")


def correct_links(
    corrections: LinkCorrections, tracks: Tracks, tool: str, places: Sequence[Place]
) -> tuple[LinkCorrections, str]:
    """Return the corrections with those of a tool, and a sentence about what was corrected.

    Parameters
    ----------
    corrections : LinkCorrections
    tracks : Tracks
        What the clicks were made on.
    tool : str
        Key of `LINK_TOOLS`.
    places : sequence of Place
        The objects that were clicked, in that order.

    Raises
    ------
    InputError
        If this cannot be.
    """
    from napari_spatial_embeddings.tracking import corrections as correct

    names = [f"{cell_name(tracks, place)} in frame {place[0]}" for place in places]
    first = names[0][0].upper() + names[0][1:]
    if tool == "same":
        new = correct.same_cell(corrections, tracks, places[0], places[1])
        return new, f"{first} and {names[1]} are the same cell"
    if tool == "apart":
        new = correct.not_the_same(corrections, tracks, places[0], places[1])
        return new, f"{first} and {names[1]} are not the same cell"
    if tool == "division":
        new = correct.division(corrections, tracks, places[0], places[1:])
        return new, f"{first} divides into two"
    return correct.end(corrections, tracks, places[0]), f"{first} ends there"


def cell_name(tracks: Tracks, place: Place) -> str:
    """Return the name of the cell that an object is: "cell 12"."""
    return f"cell {tracks.track[tracks.detections.index[place]]}"
