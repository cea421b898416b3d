"""The documentation agrees with the program: flags, settings, links, commands and code."""

from __future__ import annotations

import argparse
import ast
import importlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from doc_scripts import DOCS, ROOT, pictures, script
from napari_spatial_embeddings import PROGRAM, config
from napari_spatial_embeddings.cli.parser import build_parser
from napari_spatial_embeddings.config import Settings

PACKAGE = "napari_spatial_embeddings"

PAGES = sorted(DOCS.glob("*.md"))
TEXTS = [*PAGES, ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
SETTINGS = [
    value
    for value in vars(config).values()
    if isinstance(value, type) and issubclass(value, Settings) and value is not Settings
]


hooks = script("hooks")


def leaves(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Yield the parsers of the commands that can be called."""
    children = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    for child in children:
        for below in child.choices.values():
            yield from leaves(below)
    if not children:
        yield parser


COMMANDS = {p.prog.removeprefix(f"{PROGRAM} "): p for p in leaves(build_parser())}


def sections(text: str, level: int) -> dict[str, str]:
    """Return the text under each heading of a level."""
    parts = re.split(rf"^{'#' * level} (.*)$", text, flags=re.MULTILINE)
    return {
        title.split(" {")[0]: body for title, body in zip(parts[1::2], parts[2::2], strict=True)
    }


def cells(text: str, name: str) -> list[str]:
    """Return the table row whose first cell holds a name."""
    start = re.compile(rf"\| (\S+<br>)?`{re.escape(name)}[ .`]")
    rows = [line for line in text.splitlines() if start.match(line)]
    assert len(rows) == 1, f"{name}: {len(rows)} rows"
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", rows[0])[1:-1]]


def fences(page: Path, language: str) -> list[str]:
    """Return the blocks of code of a language."""
    return re.findall(
        rf"^```{language}\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )


def links(page: Path) -> list[str]:
    """Return the targets of a page's links and images, without those elsewhere."""
    found = re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8"))
    return [target for target in found if "://" not in target]


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's own headings."""
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    words = (re.sub(r"[^\w\s-]", "", title).strip().lower() for title in titles)
    return {re.sub(r"[\s-]+", "-", title) for title in words}


def resolve(path: str) -> Any:
    """Import what a dotted name stands for."""
    for n in range(path.count(".") + 1, 0, -1):
        parts = path.split(".")
        try:
            found: Any = importlib.import_module(".".join(parts[:n]))
        except ModuleNotFoundError:
            continue
        for name in parts[n:]:
            found = getattr(found, name)
        return found
    raise ModuleNotFoundError(path)


# --------------------------------------------------------------------- what is generated


@pytest.mark.parametrize("command", COMMANDS)
def test_every_flag_is_tabled(command: str) -> None:
    section = sections(hooks.commands(), 3)[command]
    for action in COMMANDS[command]._actions:
        if not hooks.shown(action):
            continue
        for name in action.option_strings or [str(action.metavar)]:
            row = cells(section, name)
            assert (action.help or "").partition(" [")[0] in row[1].replace("\\|", "|")
            assert ("*required*" in row) == action.required


def test_no_command_is_missing() -> None:
    assert sections(hooks.commands(), 3).keys() == COMMANDS.keys()
    assert {"train", "predict", "cluster", "evaluate", "demo", "models show"} <= COMMANDS.keys()


@pytest.mark.parametrize("model", SETTINGS)
def test_every_setting_is_tabled_with_its_bounds(model: type[Settings]) -> None:
    section = sections(hooks.settings(), 2)[model.__name__]
    keys = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
    for name, field in model.model_fields.items():
        row = " | ".join(cells(section, name))
        assert field.description is not None
        assert field.description in row
        schema = model.model_json_schema()["properties"][name]
        for kind in (schema, *schema.get("anyOf", ()), schema.get("items", {})):
            for bound in (kind[key] for key in keys if key in kind):
                assert re.search(rf"\b{bound:g}\b", row), f"{name}: {bound} is not in {row}"


def test_bounds_and_defaults_of_flags_are_those_of_the_settings() -> None:
    train = sections(hooks.commands(), 3)["train"]
    assert cells(train, "--validation-share")[2:] == ["0 to 0.5", "0.1"]
    assert cells(train, "--minutes")[2:] == ["above 0", ""]
    assert cells(train, "--width")[2].endswith("a multiple of 4")
    assert cells(train, "--augment")[0] == "`--augment`<br>`--no-augment`"
    predict = sections(hooks.commands(), 3)["predict"]
    assert cells(predict, "--seed-threshold")[2:] == ["0 to 1", "the model's"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_marker_is_left(page: Path) -> None:
    assert "<!--" not in hooks.on_page_markdown(page.read_text("utf-8"))


def test_commands_and_settings_are_on_their_pages() -> None:
    for name, made in (("cli.md", hooks.commands()), ("settings.md", hooks.settings())):
        assert made in hooks.on_page_markdown((DOCS / name).read_text("utf-8"))


# ----------------------------------------------------------------- handwritten pages


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    public = re.findall(r"^::: (\S+)$", (DOCS / "api.md").read_text("utf-8"), re.MULTILINE)
    for link in links(page):
        target, _, anchor = link.partition("#")
        path = page.parent / target if target else page
        if path.name in hooks.BORROWED and path.parent == DOCS:
            path = ROOT / hooks.BORROWED[path.name]
        assert path.is_file(), f"{link}: no such file"
        if anchor.startswith(PACKAGE):
            assert resolve(anchor) is not None
            assert anchor.startswith((*public, f"{PACKAGE}.config."))
        elif anchor:
            assert anchor in anchors(path), f"{link}: no such heading"


def test_every_page_is_in_the_navigation() -> None:
    text = (ROOT / "mkdocs.yml").read_text("utf-8")
    listed = re.findall(r"^  - .*: (\S+\.md)$", text, re.MULTILINE)
    assert sorted(listed) == sorted({page.name for page in PAGES} | hooks.BORROWED.keys())


def test_modules_of_the_api_exist() -> None:
    modules = re.findall(r"^::: (\S+)$", (DOCS / "api.md").read_text("utf-8"), re.MULTILINE)
    assert f"{PACKAGE}.inference.model" in modules
    for name in modules:
        importlib.import_module(name)


def test_the_settings_in_the_glossary_exist() -> None:
    text = (DOCS / "glossary.md").read_text("utf-8")
    fields = re.findall(r"`(\w+Settings)\.(\w+)`", text)
    assert len(fields) > 10
    for model, field in fields:
        assert field in getattr(config, model).model_fields, f"{model}.{field}"


def test_names_in_the_method_exist() -> None:
    text = (DOCS / "method.md").read_text("utf-8")
    names = re.findall(r"`([a-z]\w*(?:\.\w+)+)`", text)
    assert "core.hinge.by_tensors._lovasz_hinge" in names
    for name in names:
        resolve(f"{PACKAGE}.{name}")


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: page.name)
def test_commands_can_be_called(page: Path) -> None:
    for block in fences(page, "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if words[:1] == [PROGRAM] and "COMMAND" not in words:
                build_parser().parse_args(words[1:])


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: page.name)
def test_imports_of_code_resolve(page: Path) -> None:
    for block in fences(page, "python"):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and node.module and PACKAGE in node.module:
                for alias in node.names:
                    resolve(f"{node.module}.{alias.name}")


def test_columns_of_the_table_of_objects_are_described() -> None:
    import numpy as np

    from napari_spatial_embeddings.core.clustering import cluster
    from napari_spatial_embeddings.core.maps import ideal_maps
    from napari_spatial_embeddings.export import objects_table

    labels = np.zeros((9, 9), np.int32)
    labels[2:7, 2:7] = 1
    found = cluster(ideal_maps(labels))
    table = objects_table(found, ("object",), labels[None], (0.5, 0.5), "um")
    described = sections((DOCS / "formats.md").read_text("utf-8"), 2)["Objects"]
    assert [name for name in table if f"`{name}`" not in described] == []


@pytest.mark.parametrize("page", ["first-steps.md", "index.md"])
def test_pages_show_pictures(page: str) -> None:
    shown = pictures(DOCS / page)
    assert shown
    assert all((DOCS / "images" / name).is_file() for name in shown)


def test_a_score_of_half_of_the_official_images_says_so() -> None:
    cards = sections(hooks.models(), 2)
    scored = [text for text in cards.values() if re.search(r"^\| dsb2018 ", text, re.MULTILINE)]
    assert scored
    for text in scored:
        assert "half (25) of the 50 official test images" in text
        assert "cannot be set beside published ones" in text
    section = sections((DOCS / "benchmarks.md").read_text("utf-8"), 2)["Accuracy on real images"]
    assert "25 of its 50 official test images" in section
    assert re.search(r"dsb2018, all 50 \| nuclei-2d \| 0\.863 ", section)
