"""Language of the sources: docstrings, comments and messages use the glossary's standard terms."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from pathlib import Path

import pytest

import napari_spatial_embeddings
from napari_spatial_embeddings.core.text import STARTS

SOURCE = Path(napari_spatial_embeddings.__file__).parent
GLOSSARY = Path(__file__).parent.parent / "docs" / "glossary.md"

QUESTIONS = ("What", "Which", "Where", "How", "When", "Whether", "Why", "Who", "Whose", "Whom")

INFORMAL = (
    *("told", "tell", "tells", "telling", "said", "say", "says", "saying", "heed", "heeds", "hear"),
    *("hears", "heard", "hang together", "turned round", "anew", "fresh", "nobody", "somebody"),
    *("wish", "wishes", "taught", "teach", "teaches", "drawn", "settle", "settled", "settles"),
    *("a person", "people", "give up", "gives up", "given up", "begin", "begins", "began"),
)
"""Words in place of a standard term, such as *annotated* for "drawn" or *start* for "begin"."""

FORBIDDEN = re.compile(rf"\b({'|'.join(INFORMAL)})\b", re.IGNORECASE)

ALLOWED = {("cli/train.py", "--fresh"), ("project/card.py", "fresh")}
"""Names of version 0.1.0 that are still read: file and text."""

FILES = sorted(SOURCE.rglob("*.py"))


def texts(code: str) -> list[str]:
    """Return the strings, docstrings and comments of a file."""
    tokens = list(tokenize.generate_tokens(io.StringIO(code).readline))
    strings = [n.value for n in ast.walk(ast.parse(code)) if isinstance(n, ast.Constant)]
    comments = [t.string for t in tokens if t.type == tokenize.COMMENT]
    return [s for s in strings if isinstance(s, str)] + comments


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(SOURCE).as_posix())
def test_standard_terms(path: Path) -> None:
    name, code = path.relative_to(SOURCE).as_posix(), path.read_text("utf-8")
    docstring = ast.get_docstring(ast.parse(code)) or ""
    assert docstring, "a module has a docstring"
    assert docstring.split()[0] not in QUESTIONS, "it starts with a noun phrase"
    found = [
        (m[0], text) for text in texts(code) if (m := FORBIDDEN.search(" ".join(text.split())))
    ]
    assert [f for f in found if (name, f[1]) not in ALLOWED] == []


def test_finds_informal_words() -> None:
    code = '"""A module."""\nX = f"{1} was\\n told"  # nobody knows\nbegin = say = 1\n'
    found = [text for text in texts(code) if FORBIDDEN.search(text)]
    assert found == [" was\n told", "# nobody knows"]


def first_words(code: str) -> list[str]:
    """Return the first words of the messages in a file, of errors and of what the window shows."""
    found = []
    for node in ast.walk(ast.parse(code)):
        call = node.exc if isinstance(node, ast.Raise) else node
        shows = isinstance(call, ast.Call) and getattr(call.func, "attr", "") == "say"
        if isinstance(call, ast.Call) and call.args and (shows or call is not node):
            text: ast.expr = call.args[0]
            text = text.values[0] if isinstance(text, ast.JoinedStr) else text
            if isinstance(text, ast.Constant) and isinstance(text.value, str) and text.value:
                found.append(text.value.split()[0].rstrip(",;:"))
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(SOURCE).as_posix())
def test_messages_get_a_capital(path: Path) -> None:
    """Of the command line's own messages, none is shown in the window."""
    if path.parent.name != "cli":
        words = {w for w in first_words(path.read_text("utf-8")) if w.isalpha() and w.islower()}
        assert words <= STARTS, "add them there; a name at the start is not a word of the message"


def test_finds_first_words() -> None:
    code = 'raise InputError(f"no {x}")\nself.say("not: a")\nraise E(f"{x} is")\nf("other")'
    assert first_words(code) == ["no", "not"]


def test_glossary_is_sorted() -> None:
    """First the terms that users meet, then those of the source code."""
    parts = GLOSSARY.read_text("utf-8").split("\n## ")
    found = [re.findall(r"^\*\*(.+)\*\*$", part, re.MULTILINE) for part in parts]
    assert found == [sorted(terms, key=str.lower) for terms in found]
    terms = [term for some in found for term in some]
    assert len(terms) == len(set(terms)) > 50
    assert "plugin/" not in parts[0]
