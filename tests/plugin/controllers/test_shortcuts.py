"""Shortcuts: one table, no key of napari's taken, bound while the dock is open."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer, Shapes
from napari.utils.key_bindings import KeymapHandler, coerce_keybinding
from napari.utils.shortcuts import default_shortcuts

from napari_spatial_embeddings.plugin.controllers.shortcuts import (
    EVERYWHERE,
    Shortcuts,
    napari_key,
    shortcuts,
)
from napari_spatial_embeddings.plugin.state.session import Session

KINDS: tuple[type[Layer], ...] = (Image, Labels, Shapes)


def everywhere() -> dict[str, str]:
    return {s.name: napari_key(s.key) for s in shortcuts() if s.where == EVERYWHERE}


def test_no_key_has_two_meanings_in_one_place() -> None:
    keys = [(s.where, s.key) for s in shortcuts()]
    assert len(keys) == len(set(keys))
    for shortcut in shortcuts():
        coerce_keybinding(napari_key(shortcut.key))
        assert shortcut.text.endswith(".")


def test_naparis_own_keys_stay() -> None:
    theirs = {
        binding
        for name, bindings in default_shortcuts.items()
        if "points" not in name and name != "napari:select_append_all_in_slice"
        for binding in bindings
    }
    ours = {name: coerce_keybinding(key) for name, key in everywhere().items() if name != "Leave"}
    assert not {name for name, binding in ours.items() if binding in theirs}


def test_keys_act_over_every_layer_until_they_are_unbound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    viewer, session, pressed, said = ViewerModel(), Session(), [], []
    session.message.connect(lambda sentence, _kind: said.append(sentence))

    def fail() -> None:
        raise ValueError("no image")

    viewer.bind_key("N", lambda _viewer: pressed.append("the user's"))
    preferred = {coerce_keybinding("Shift-R"): lambda _viewer: pressed.append("preferred")}
    monkeypatch.setattr(ViewerModel, "class_keymap", {**ViewerModel.class_keymap, **preferred})
    actions = {name: lambda name=name: pressed.append(name) for name in everywhere()}
    bound = Shortcuts(viewer, session, {**actions, "Draw": fail})
    for kind in KINDS:
        layer = kind(np.zeros((4, 4), int)) if kind is not Shapes else Shapes()
        viewer.add_layer(layer)
        handler = KeymapHandler()
        handler.keymap_providers = [layer, viewer]
        for name, key in everywhere().items():
            if name in ("Draw", "Next image", "This view", "Leave"):
                continue
            assert handler.press_key(key), (kind, key)
            assert pressed.pop() == name
        handler.press_key("N")
        assert pressed.pop() == "the user's"
        handler.press_key("Shift-R")
        assert pressed.pop() == "preferred"
    handler.press_key("Shift-D")
    assert "no image" in said[-1]
    bound.close()
    assert list(viewer.keymap) == [coerce_keybinding("N")]
