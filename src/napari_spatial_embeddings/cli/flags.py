"""Command-line flags made from the settings' fields: names, types, bounds and help live there."""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, TypeAlias, TypeVar, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from napari_spatial_embeddings.config import Settings
from napari_spatial_embeddings.errors import InputError

S = TypeVar("S", bound=Settings)

ADVICE = (
    "--axes (TYX, if its planes are frames), --channels and --grey choose what is used of a file"
)
"""What to do about an image that a model does not take."""


class CallError(InputError):
    """A call with flags that are wrong or do not fit together; the message gives the reason."""


class Parser(argparse.ArgumentParser):
    """A parser that raises what is wrong with a call, in one sentence, and guesses no flags."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        """Raise `CallError`."""
        raise CallError(f"{message}; '{self.prog} --help' explains")


SUFFIXES = ("--image-suffix", "--label-suffix", "--prediction-suffix")
"""Flags whose text may start with a hyphen."""


def with_suffixes(words: Sequence[str]) -> Iterator[str]:
    """Yield the words of a call, in which "--label-suffix -masks" is one: else it is two flags."""
    left = iter(words)
    for word in left:
        if word not in SUFFIXES or (text := next(left, None)) is None:
            yield word
        elif text.startswith("-") and not text.startswith("--"):
            yield f"{word}={text}"
        else:
            yield from (word, text)


Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def add_axes_flag(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """Add ``--axes``, for commands that read images."""
    parser.add_argument(
        "--axes",
        metavar="AXES",
        help="Meaning of the images' axes, such as YX, CYX, YXC, ZYX, CZYX, TYX; read or guessed"
        " from the files if not given.",
    )


def add_channels_flag(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """Add ``--channels``, for commands that read images."""
    parser.add_argument(
        "--channels",
        nargs="+",
        type=int,
        metavar="N",
        help="Channels of the images to use, counted from 0; all if not given.",
    )


def add_grey_flag(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """Add ``--grey``, for commands that read images."""
    parser.add_argument(
        "--grey",
        choices=("plain", "inverted"),
        help="Make one channel of the colours of RGB images: bright where they are, or where they"
        " are dark, as in stained tissue.",
    )


def checked_channels(given: Sequence[int] | None) -> tuple[int, ...] | None:
    """Return the channels that were given.

    Raises
    ------
    CallError
        If one is negative, or named twice.
    """
    if given is None:
        return None
    if min(given) < 0 or len(set(given)) < len(given):
        raise CallError("--channels: should be different numbers, counted from 0")
    return tuple(given)


def add_pixel_size_flag(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """Add ``--pixel-size``, for commands that read images."""
    parser.add_argument(
        "--pixel-size",
        nargs="+",
        type=float,
        metavar="SIZE",
        help="Size of a pixel along each axis; read from the files if not given.",
    )


def checked_pixel_size(given: Sequence[float] | None) -> tuple[float, ...] | None:
    """Return the pixel size that was given.

    Raises
    ------
    CallError
        If a value is no length.
    """
    for size in given or ():
        if not (size > 0 and math.isfinite(size)):
            raise CallError(f"--pixel-size: should be greater than 0, not {size:g}")
    return None if given is None else tuple(given)


def check_pixel_size_fits(given: Sequence[float], ndim: int, path: str | Path) -> None:
    """Refuse a pixel size that has not one value for each axis of an image.

    Raises
    ------
    CallError
    """
    if len(given) != ndim:
        raise CallError(
            f"--pixel-size: {len(given)} values for the {ndim} axes of {path}; give one for each,"
            " z or y first"
        )


def checked_folder(path: str | Path, flag: str = "--output") -> Path:
    """Return a folder to write to, which a flag names; whoever writes makes it.

    Raises
    ------
    CallError
        If it is a file, or in a place where nothing can be written, or in a folder of Zarr.
    """
    from napari_spatial_embeddings.export.places import check_folder

    path = Path(path)
    there = next(p for p in (path, *path.absolute().parents) if p.exists())
    if not there.is_dir():
        raise CallError(f"{flag}: {there} is a file; expected a folder")
    if not os.access(there, os.W_OK | os.X_OK):
        raise CallError(f"{flag}: nothing can be written to {there}; choose another folder")
    try:
        check_folder(path)
    except InputError as error:
        raise CallError(f"{flag}: {error}") from error
    return path


def add_flags(
    parser: argparse.ArgumentParser,
    settings: type[Settings],
    *,
    title: str,
    skip: Iterable[str] = (),
    defaults: Mapping[str, str] | None = None,
) -> None:
    """Add one flag for each field; fields that are settings themselves add theirs.

    Parameters
    ----------
    parser : ArgumentParser
    settings : class
    title : str
        Heading of the group.
    skip : field names, optional
    defaults : mapping, optional
        What the help names as a field's default, where it is not the field's own.
    """
    group = parser.add_argument_group(title)
    for name, field in settings.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, Settings):
            add_flags(parser, kind, title=f"{title}: {name}", defaults=defaults)
        elif name not in skip:
            _add(group, name, field, (defaults or {}).get(name) or _shown(field.default))


def _add(group: argparse._ArgumentGroup, name: str, field: FieldInfo, shown: str) -> None:
    kind = field.annotation
    text = (field.description or "").replace("%", "%%")
    options: dict[str, Any] = {"dest": name, "default": argparse.SUPPRESS}
    options["help"] = f"{text} [{shown}]" if shown else text
    if kind is bool:
        options["action"] = argparse.BooleanOptionalAction
    elif get_origin(kind) is Literal:
        options["choices"] = [str(v) for v in get_args(kind)]
    elif get_origin(kind) is tuple:
        options.update(nargs="+", metavar="VALUE")
    else:
        options["metavar"] = _metavar(kind)
    group.add_argument(f"--{name.replace('_', '-')}", **options)


def _metavar(kind: Any) -> str:
    kinds = [k for k in (get_args(kind) or (kind,)) if k is not type(None)]
    kinds = [get_args(k)[0] if get_origin(k) is Annotated else k for k in kinds]
    return {int: "N", float: "X", str: "NAME"}.get(kinds[0], "VALUE")


def _shown(value: Any) -> str:
    if value is None or value is PydanticUndefined:
        return ""
    if isinstance(value, bool):
        return "on" if value else "off"
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def read_flags(given: Mapping[str, Any], base: S, skip: Iterable[str] = ()) -> S:
    """Return ``base`` with the flags that were given, but for the fields in ``skip``.

    Parameters
    ----------
    given : mapping
        Values of a command's flags by name; only those of fields that were given are looked at.
    base : Settings
    skip : field names, optional

    Raises
    ------
    CallError
        If a value is out of bounds; the message names the flag.
    """
    changes: dict[str, Any] = {}
    for name in type(base).model_fields:
        value = getattr(base, name)
        if isinstance(value, Settings):
            changes[name] = read_flags(given, value).model_dump()
        elif name not in skip and name in given:
            changes[name] = given[name]
    try:
        return base.updated(**changes)
    except ValidationError as error:
        raise CallError(explain(error)) from error


def explain(error: ValidationError) -> str:
    """Return one sentence for the user: the flag, the problem, and the value that was given."""
    first = error.errors()[0]
    flag = "--" + str(first["loc"][-1]).replace("_", "-") if first["loc"] else "settings"
    reason = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
    reason = reason.partition(", unable to parse")[0]
    given = first.get("input")
    shown = f", not {given}" if isinstance(given, str | int | float) else ""
    return f"{flag}: {reason}{shown}"


@contextmanager
def moved_images(folder: Path) -> Iterator[None]:
    """Have the sentence about a moved image of the project in a folder suit a command line."""
    from napari_spatial_embeddings.project import MissingImage

    try:
        yield
    except MissingImage as missing:
        advice = (
            f"put it back, or write where it is now into {folder / 'project.json'}, as the path of"
            " this image"
        )
        raise MissingImage(missing.key, missing.path, advice) from missing
