"""Flags are the settings' fields: their names, descriptions, defaults and bounds."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

import pytest

from command_line import call, done, refused
from napari_spatial_embeddings import __version__
from napari_spatial_embeddings.cli import build_parser
from napari_spatial_embeddings.cli.flags import CallError, read_flags
from napari_spatial_embeddings.config import (
    FOUND,
    ClusteringSettings,
    LossSettings,
    ModelSettings,
    PredictionSettings,
    Settings,
    TrainingSettings,
)

REQUIRED = {
    "train": ["--images", "a", "--labels", "b", "--output", "c"],
    "predict": ["a", "--model", "b", "--output", "c"],
    "cluster": ["a", "--output", "b"],
    "evaluate": ["--labels", "a", "--predictions", "b"],
    "models": ["list"],
    "devices": [],
    "demo": [],
}
SETTINGS: list[tuple[str, type[Settings]]] = [
    ("train", TrainingSettings),
    ("train", LossSettings),
    ("train", ModelSettings),
    ("predict", ClusteringSettings),
    ("predict", PredictionSettings),
    ("cluster", ClusteringSettings),
]
FIELDS = [
    pytest.param(command, kind, name, id=f"{command}-{name}")
    for command, kind in SETTINGS
    for name in kind.model_fields
    if name not in (*FOUND, "loss")
]


def parse(command: str, *flags: object) -> dict[str, Any]:
    return vars(build_parser().parse_args([command, *REQUIRED[command], *map(str, flags)]))


def flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def schema(kind: type[Settings], name: str) -> dict[str, Any]:
    """Return what a field's JSON schema says of its numbers, text or choices."""
    found: dict[str, Any] = kind.model_json_schema()["properties"][name]
    return {**found, **next(iter(found.get("anyOf", [])), {})}


def outside(facts: dict[str, Any]) -> list[object]:
    """Return values that a field must not take."""
    if "enum" in facts:
        return ["neither"]
    if facts["type"] == "string":
        return [""] if "minLength" in facts else []
    bad: list[object] = ["much", "nan", "inf"]
    tiny = 1 if facts["type"] == "integer" else 1e-3
    if "minimum" in facts:
        bad.append(facts["minimum"] - tiny)
    if "maximum" in facts:
        bad.append(facts["maximum"] + tiny)
    bad += [facts[k] for k in ("exclusiveMinimum", "exclusiveMaximum") if k in facts]
    if "multipleOf" in facts:
        bad.append(2 * facts["multipleOf"] + 1)
    return bad


def another(facts: dict[str, Any], now: object) -> object:
    """Return a value that a field may take, and does not have now."""
    if facts["type"] == "boolean":
        return not now
    low = facts.get("minimum", facts.get("exclusiveMinimum", 0))
    step = facts.get("multipleOf", 1 if facts["type"] == "integer" else 0.25)
    numbers = [low + step, low + 2 * step]
    text = facts.get("enum", ["cpu"])
    return next(v for v in (text if facts["type"] == "string" else numbers) if v != now)


@pytest.mark.parametrize(("command", "kind", "name"), FIELDS)
def test_every_field_is_a_flag_with_its_description(
    monkeypatch: pytest.MonkeyPatch, command: str, kind: type[Settings], name: str
) -> None:
    monkeypatch.setenv("COLUMNS", "2000")  # no word is broken
    field = kind.model_fields[name]
    assert field.description
    text = " ".join(done(command, "--help").out.split())
    value = rf", --no-{flag(name)[2:]}" if field.annotation is bool else r" (\S+|\{.*\})"
    assert re.search(f"{flag(name)}{value} {re.escape(field.description)}", text)


@pytest.mark.parametrize(("command", "kind", "name"), FIELDS)
def test_bounds_are_the_fields(command: str, kind: type[Settings], name: str) -> None:
    facts = schema(kind, name)
    if facts["type"] == "boolean":
        assert "unrecognized" in refused(command, *REQUIRED[command], f"{flag(name)}s")
        return
    for value in outside(facts):
        with pytest.raises(CallError, match=flag(name)) as caught:
            read_flags(parse(command, flag(name), value), kind(), FOUND)
        assert "\n" not in str(caught.value)
        assert str(value) in str(caught.value)


@pytest.mark.parametrize(("command", "kind", "name"), FIELDS)
def test_a_flag_changes_its_field_and_no_other(
    command: str, kind: type[Settings], name: str
) -> None:
    base = kind()
    assert read_flags(parse(command), base, FOUND) == base
    value = another(schema(kind, name), getattr(base, name))
    given: list[object] = [flag(name), value]
    if isinstance(value, bool):
        given = [flag(name) if value else flag(f"no_{name}")]
    assert read_flags(parse(command, *given), base, FOUND) == base.updated(**{name: value})


def test_flags_of_the_loss_reach_it() -> None:
    base = TrainingSettings(batch_size=7)
    found = read_flags(parse("train", "--seed-weight", 3, "--centre", "medoid"), base)
    assert found == base.updated(loss=LossSettings(seed_weight=3, centre="medoid"))


def test_flags_go_on_from_the_settings_given() -> None:
    base = ClusteringSettings(seed_threshold=0.8, min_size=5)
    found = read_flags(parse("predict", "--min-size", 9), base)
    assert found == ClusteringSettings(seed_threshold=0.8, min_size=9)


def test_no_abbreviations() -> None:
    """They would change their meaning when a flag is added."""
    assert "--widt" in refused("train", *REQUIRED["train"], "--widt", 8)


def test_help_names_every_command() -> None:
    text = done("--help").out
    assert all(command in text for command in REQUIRED)


def test_version() -> None:
    assert done("--version").out == f"{__version__}\n"


@pytest.mark.parametrize("command", REQUIRED)
def test_asks_for_what_is_missing(command: str) -> None:
    if REQUIRED[command]:
        assert f"{command} --help" in refused(command)


def test_help_loads_neither_torch_nor_numba_nor_qt() -> None:
    """As a program, which also has to work."""
    script = (
        "import json, sys; from napari_spatial_embeddings.cli import main\n"
        f"for command in {list(REQUIRED)}:\n"
        "    try: main([command, '--help'])\n"
        "    except SystemExit as stop: assert not stop.code\n"
        "print(json.dumps([*sys.modules]))"
    )
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=True
    )
    assert ran.stderr == ""
    loaded = {name.partition(".")[0] for name in json.loads(ran.stdout.splitlines()[-1])}
    assert not loaded & {"torch", "numba", "scipy", "qtpy", "napari"}


def test_runs_as_a_module() -> None:
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-m", "napari_spatial_embeddings.cli", "frobnicate"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "frobnicate" in ran.stderr
    assert ran.stderr.count("\n") == 1


def test_no_command_is_a_bad_call() -> None:
    assert "COMMAND" in refused()
    assert call("--help").code == 0
