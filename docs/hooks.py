"""Parts of the documentation that are generated from the program, so that they are up to date.

``mkdocs`` calls the ``on_...`` functions. A comment in a page, ``<!-- commands -->``,
``<!-- settings -->`` or ``<!-- models -->``, is replaced by tables; two files of the repository's
root become pages.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_spatial_embeddings import config as settings_module
from napari_spatial_embeddings.cli import build_parser
from napari_spatial_embeddings.config import Settings
from napari_spatial_embeddings.inference.model_card import ModelCard
from napari_spatial_embeddings.inference.registry import shipped

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

ROOT = Path(__file__).parent.parent

BORROWED = {"contributing.md": "CONTRIBUTING.md", "changelog.md": "CHANGELOG.md"}
"""Pages that are files of the repository's root."""

Schema = dict[str, Any]


# ------------------------------------------------------------------- what mkdocs calls


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are kept elsewhere."""
    from mkdocs.structure.files import File

    for page, source in BORROWED.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, **_: object) -> str:
    """Put the tables where a page asks for them."""
    for make in (commands, settings, models):
        marker = f"<!-- {make.__name__} -->"
        if marker in markdown:
            markdown = markdown.replace(marker, make())
    return markdown


# ------------------------------------------------------------------------ command line


def commands() -> str:
    """Return a section for each command: what it does, how it is called, a table of flags."""
    return "\n\n".join("\n\n".join(_command(p)) for p in parsers(build_parser()))


def parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Yield the parsers of all commands that can be called, in the order of the help."""
    children = [a.choices for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    for choices in children:
        for child in choices.values():
            yield from parsers(child)
    if not children:
        yield parser


def _command(parser: argparse.ArgumentParser) -> Iterator[str]:
    yield f"### {parser.prog.partition(' ')[2]}"
    if parser.description:
        yield parser.description
    yield f"```text\n{_usage(parser)}\n```"
    for title, actions in _groups(parser):
        if title:
            yield f"**{title[:1].upper()}{title[1:]}**"
        yield table(("Flag", "Meaning", "Bounds", "Default"), map(_flag, actions))


def shown(action: argparse.Action) -> bool:
    """Return whether a flag is in the help, and is not the help itself."""
    return action.help != argparse.SUPPRESS and not isinstance(action, argparse._HelpAction)


def _groups(parser: argparse.ArgumentParser) -> Iterator[tuple[str, list[argparse.Action]]]:
    """Yield titles and flags; those without a title come last, unless they hold what is needed."""
    plain: list[argparse.Action] = []
    titled = []
    for group in parser._action_groups:
        actions = [a for a in group._group_actions if shown(a)]
        if group.title in ("positional arguments", "options"):
            plain += actions
        elif actions:
            titled.append((group.title or "", actions))
    needed = any(action.required for action in plain)
    if plain and (needed or not titled):
        yield "", plain
    yield from titled
    if plain and titled and not needed:
        yield "other", plain


def _usage(parser: argparse.ArgumentParser) -> str:
    """Return the call with what it cannot do without."""
    actions = [a for a in parser._actions if shown(a)]
    needed = [a for a in actions if a.required]
    words = [f"{' '.join(a.option_strings)} {_value(a)}".strip() for a in needed]
    return " ".join([parser.prog, *words, *["[FLAGS]"] * (len(actions) > len(needed))])


def _flag(action: argparse.Action) -> tuple[str, str, str, str]:
    """Return a row: the flag, its help, its bounds, its default."""
    value = _value(action)
    names = [f"{name} {value}".strip() for name in action.option_strings] or [value]
    # The help ends in the default, in brackets, where there is one.
    text, _, default = (action.help or "").replace("%%", "%").removesuffix("]").partition(" [")
    if action.required:
        default = "*required*"
    return "<br>".join(f"`{name}`" for name in names), text, _bounds(action), default


def _value(action: argparse.Action) -> str:
    """Return the name of a flag's value; nothing for a switch."""
    if action.nargs == 0:
        return ""
    if action.choices:
        return "{" + ",".join(map(str, action.choices)) + "}"
    name = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
    return f"{name}..." if action.nargs == "+" else name


def _bounds(action: argparse.Action) -> str:
    """Return the bounds of a flag that stands for a field of the settings."""
    if action.default is not argparse.SUPPRESS:
        return ""
    for model in all_settings():
        if action.dest in model.model_fields:
            return limits(model.model_json_schema()["properties"][action.dest])
    return ""


# ------------------------------------------------------------------------------ models


def models() -> str:
    """Return a section for each model that comes with the package: its card."""
    return "\n\n".join("\n\n".join(_model(name, card)) for name, card in shipped().items())


def _model(name: str, card: ModelCard) -> Iterator[str]:
    about, settings = card.about, card.settings
    yield f"## {name}"
    yield f"{about['summary'][:1].upper()}{about['summary'][1:]}."
    low, high = about["diameters"]
    facts = {
        "Images": f"{settings.ndim}D, "
        + ("in colour (RGB)" if card.colours else f"channels: {settings.in_channels}"),
        "Objects": f"about {settings.working_diameter:.0f} pixels across; seen in training:"
        f" {low} to {high}",
        "Pixel size": about["pixel_size"],
        "Trained on": "<br>".join(
            f"`{d['name']}`: {d['about']} ({d['licence']})" for d in about["data"]
        ),
        "Bad at": about["bad_at"],
        "Recipe": f"`{about['recipe']}`",
        "Seed": str(about["seed"]),
    }
    yield table(("", " "), facts.items())
    columns = list(dict.fromkeys(key for row in about["scores"].values() for key in row))
    rows = [
        (test, *(f"{row[c]:.3f}" if c in row else "" for c in columns))
        for test, row in about["scores"].items()
    ]
    yield table(("Test images of", *columns), rows)
    if note := about.get("note"):
        yield note


# ---------------------------------------------------------------------------- settings


def settings() -> str:
    """Return a section for each class of settings: what it is, a table of its fields."""
    return "\n\n".join("\n\n".join(_settings(model)) for model in all_settings())


def all_settings() -> list[type[Settings]]:
    """Return the classes of settings in the order of the source."""
    return [
        value
        for value in vars(settings_module).values()
        if isinstance(value, type) and issubclass(value, Settings) and value is not Settings
    ]


def _settings(model: type[Settings]) -> Iterator[str]:
    # By its full name, so that the API's pages find it.
    yield f"## {model.__name__} {{ #{_anchor(model)} }}"
    yield (model.__doc__ or "").strip()
    rows = []
    for name, field in model.model_json_schema()["properties"].items():
        default = _default(model.model_fields[name].default)
        rows.append((f"`{name}`", field["description"], kind(field), limits(field), default))
    yield table(("Name", "Meaning", "Type", "Bounds", "Default"), rows)


def _anchor(model: type[Settings]) -> str:
    return f"{model.__module__}.{model.__name__}"


def _default(value: object) -> str:
    if isinstance(value, Settings):
        return f"[{type(value).__name__}](#{_anchor(type(value))})"
    if isinstance(value, tuple):
        return ", ".join(map(_default, value))
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:g}"
    return "none" if value is None else str(value)


def kind(field: Schema) -> str:
    """Return what a field holds, in words."""
    field = _given(field)
    if "$ref" in field:
        return "settings"
    if "enum" in field:
        return " or ".join(f"`{value}`" for value in field["enum"])
    if field["type"] == "array":
        return f"list of {kind(field['items'])}s"
    names = {"integer": "whole number", "boolean": "true or false", "string": "text"}
    name: str = field["type"]
    return names.get(name, name)


def limits(field: Schema) -> str:
    """Return a field's bounds as text: "0 to 1", "above 0", "at least 16"."""
    field = _given(field)
    if field.get("type") == "array":
        return limits(field["items"])
    words = []
    if "minimum" in field and "maximum" in field:
        words.append(f"{field['minimum']:g} to {field['maximum']:g}")
    else:
        names = {
            "minimum": "at least",
            "exclusiveMinimum": "above",
            "maximum": "at most",
            "exclusiveMaximum": "below",
        }
        words += [f"{text} {field[key]:g}" for key, text in names.items() if key in field]
    if "multipleOf" in field:
        words.append(f"a multiple of {field['multipleOf']:g}")
    return ", ".join(words)


def _given(field: Schema) -> Schema:
    """Return the schema of a value that is given, where none is allowed as well."""
    kinds = [k for k in field.get("anyOf", ()) if k.get("type") != "null"]
    return dict(kinds[0]) if kinds else field


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in markdown, without the columns that are empty."""
    rows = list(rows)
    kept = [i for i in range(len(columns)) if any(row[i] for row in rows)]
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(
        "| " + " | ".join(line[i].replace("|", "\\|") for i in kept) + " |" for line in lines
    )
