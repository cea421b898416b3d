"""Autosave: debounced, in order, and recovering from failures."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from qtpy.QtWidgets import QApplication

from napari_spatial_embeddings.errors import Failure
from napari_spatial_embeddings.plugin.controllers.autosave import Autosave
from napari_spatial_embeddings.plugin.state.session import Session


@pytest.fixture
def session() -> Session:
    return Session()


@pytest.fixture
def autosave(qapp: QApplication, session: Session) -> Iterator[Autosave]:  # noqa: ARG001
    made = Autosave(session)
    yield made
    made.close()


def messages_of(session: Session) -> list[tuple[str, str]]:
    messages: list[tuple[str, str]] = []
    session.message.connect(lambda text, kind: messages.append((text, kind)))
    return messages


def test_many_changes_are_saved_once(autosave: Autosave) -> None:
    calls: list[int] = []
    autosave.add_source(lambda: calls.append(1))
    assert not autosave.pending
    for _ in range(5):
        autosave.schedule()
    assert autosave.pending
    assert not calls
    autosave.flush()
    assert calls == [1]
    assert not autosave.pending
    autosave.flush()
    assert calls == [1], "nothing is dirty"
    autosave.save_now()
    assert calls == [1, 1]


def test_a_pause_saves(autosave: Autosave, qtbot: object) -> None:
    calls: list[int] = []
    autosave.add_source(lambda: calls.append(1))
    autosave.schedule()
    qtbot.waitUntil(lambda: bool(calls), timeout=300_000)  # type: ignore[attr-defined]
    assert not autosave.pending


def test_settings_make_it_dirty(autosave: Autosave, session: Session) -> None:
    session.tune(min_size=33)
    assert autosave.pending


def test_writes_are_in_order_and_in_a_thread(autosave: Autosave) -> None:
    written: list[tuple[int, bool]] = []
    main = threading.get_ident()
    for n in range(20):
        autosave.write(lambda n=n: written.append((n, threading.get_ident() != main)))  # type: ignore[misc]
    assert autosave.busy
    autosave.flush()
    assert not autosave.busy
    assert written == [(n, True) for n in range(20)]


def test_a_write_that_fails_is_a_problem_until_one_succeeds(
    autosave: Autosave, session: Session
) -> None:
    messages, saved = messages_of(session), list[str]()
    autosave.saved.connect(lambda: saved.append(autosave.problem))
    written: list[int] = []

    def fail() -> None:
        raise Failure("the disk is full")

    autosave.write(fail)
    autosave.write(lambda: written.append(1))
    autosave.flush()
    assert written == [1], "the others are written all the same"
    assert autosave.problem == "the disk is full"
    assert messages == [("Not saved: the disk is full.", "error")]
    autosave.write(lambda: written.append(2))
    autosave.flush()
    assert autosave.problem == ""
    assert messages[1:] == [("Everything is saved again.", "info")]
    assert saved == ["the disk is full", ""]


def test_a_source_that_fails_is_a_problem_and_leaves_others_alone(
    autosave: Autosave, session: Session
) -> None:
    messages, written = messages_of(session), list[int]()
    broken = True

    def source() -> None:
        if broken:
            raise Failure("no folder")
        autosave.write(lambda: written.append(0))

    autosave.add_source(source)
    autosave.add_source(lambda: autosave.write(lambda: written.append(1)))
    autosave.save_now()
    assert written == [1]
    assert autosave.problem == "no folder", "a write that succeeds does not make up for it"
    broken = False
    autosave.save_now()
    assert written == [1, 0, 1]
    assert autosave.problem == ""
    assert [text for text, _ in messages] == ["Not saved: no folder.", "Everything is saved again."]


def test_closing_writes_what_is_dirty(qapp: QApplication, session: Session) -> None:  # noqa: ARG001
    autosave, written = Autosave(session), list[int]()
    autosave.add_source(lambda: autosave.write(lambda: written.append(1)))
    autosave.schedule()
    autosave.close()
    assert written == [1]
    session.tune(min_size=33)
    assert not autosave.pending
