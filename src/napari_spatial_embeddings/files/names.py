"""Names of files that are made for images of any name."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable

from .folders import stem

MAX_LENGTH = 120
"""Characters of a name: the folder and the ending need some as well."""


FRAME = ".t"
"""What the key of a frame has between that of its series and its number."""


def frame_key(series: str, t: int) -> str:
    """Return the key of a frame of a time series."""
    return f"{series}{FRAME}{t:04d}"


def series_key(key: str) -> str:
    """Return the key of the series that a frame's key belongs to; other keys are their own."""
    return key.partition(FRAME)[0]


def frame_number(key: str) -> int | None:
    """Return the number of a frame by its key; None for other keys."""
    number = key.partition(FRAME)[2]
    return int(number) if number.isdigit() else None


def file_name(name: str) -> str:
    """Return a name without endings, and without characters that some systems refuse."""
    good = re.sub(r'[<>:"/\\|?*\x00-\x1f]+', "_", stem(name.replace("/", "_")))
    return good.strip(" .")[:MAX_LENGTH].strip(" .") or "image"


def new_key(
    name: str, taken: Iterable[str] = (), free: Callable[[str], bool] = lambda _: True
) -> str:
    """Return a key like a name: good for files on every system, and none of some others.

    Parameters
    ----------
    name : str
    taken : iterable of str
        Keys from which it, and its frames, differ by more than their case.
    free : callable
        Returns whether a key can be used.
    """
    return keys_like(taken, free)(name)


def keys_like(taken: Iterable[str], free: Callable[[str], bool]) -> Callable[[str], str]:
    """Return a function that gives a key for each of many names, none twice.

    Parameters
    ----------
    taken, free
        As of `new_key`.
    """
    used = {series_key(key).casefold() for key in taken}
    numbers: dict[str, int] = {}

    def key_of(name: str) -> str:
        base = re.sub(r"[^A-Za-z0-9_-]+", "_", stem(name))[:48].strip("_-") or "image"
        key, n = base, numbers.get(base, 1)
        while key.casefold() in used or not free(key):
            n += 1
            key = f"{base}-{n}"
        numbers[base] = n  # long names may be alike in the letters that a key has
        used.add(key.casefold())
        return key

    return key_of


def distinct(names: Iterable[str], taken: Iterable[str] = ()) -> list[str]:
    """Return a file name for each of some names: none twice, and none that is taken.

    The first ones keep theirs. Names differ by more than their case.
    """
    used, found = {name.casefold() for name in taken}, []
    for name in map(file_name, names):
        numbered = (f"{name[: MAX_LENGTH - 8]}-{n}" for n in itertools.count(2))
        free = next(x for x in itertools.chain([name], numbered) if x.casefold() not in used)
        used.add(free.casefold())
        found.append(free)
    return found
