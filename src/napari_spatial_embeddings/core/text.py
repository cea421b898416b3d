"""Counts, durations and sentences, for messages."""

from collections.abc import Sequence

_STARTS = """
a about all an annotations any axes axis channels choose class close correct corrections deleted
draw each ended every few files frame frames from how if image images in interpolation it its label
labels like mark most names neither no none not nothing object objects of offsets on one only
open paint painted pixel pixels predict press regions scribbles seed sigma some something spacing
split stopped switch that the their there these they this those to too truth two unexpected values
workers
what when where with without wrote
"""

STARTS = frozenset(_STARTS.split())
"""First words of messages that start with a small letter; others may be names, and stay so."""


def plural(n: int, noun: str) -> str:
    """Return a count with its noun: "1 object", "2 objects"."""
    return f"{n} {noun}{'s' * (n != 1)}"


def listed(names: Sequence[str]) -> str:
    """Return some words as one phrase: "a, b and c"."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def clock(seconds: float) -> str:
    """Return a duration as minutes and seconds: "1:05"."""
    return f"{int(seconds // 60)}:{int(seconds % 60):02d}"


def sentence(text: str) -> str:
    """Return a message as the window shows it: with a capital at its start, a full stop at its end.

    Errors start with a small letter, as the command line writes them after its own name. The name
    of a file or a layer at the start, and a path at the end, stay as they are.
    """
    text = text.strip()
    first, last = text.partition(" ")[0], text.rpartition(" ")[2]
    if first.rstrip(",;:") in STARTS:
        text = text[0].upper() + text[1:]
    if not text or text[-1] in ".!?:…" or "/" in last or "\\" in last:
        return text
    return f"{text}."
