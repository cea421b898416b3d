"""One tool at a time, whose name is shown, and which Esc leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from napari.layers import Labels
from napari.utils.key_bindings import KeymapHandler
from pytestqt.qtbot import QtBot

from napari_spatial_embeddings.plugin.controllers.tools.active_tool import ActiveTool
from plugin.scenes import EditorBench, Scene, new_scene
from plugin.tracked import Series, cells


@pytest.fixture
def scene(qtbot: QtBot) -> Iterator[Scene]:
    bench = EditorBench(qtbot)
    series = Series(bench, qtbot, cells())
    series.add()
    series.link()
    yield new_scene(bench, qtbot, classes=2)
    bench.close()


@pytest.fixture
def tool(scene: Scene) -> Iterator[ActiveTool]:
    rig = scene.rig
    made = ActiveTool(
        rig.viewer,
        rig.annotation,
        rig.annotation_actions,
        rig.correction_tool,
        rig.explanation,
        rig.link_tool,
        rig.click_tool,
        rig.review,
    )
    yield made
    made.close()


def starts(scene: Scene) -> dict[str, Callable[[], object]]:
    """Return what turns each tool on."""
    rig = scene.rig
    return {
        "Draw": lambda: rig.annotation_actions.use_tool("draw"),
        "Delete": lambda: rig.correction_tool.use("delete"),
        "Explain": lambda: rig.explanation.set_on(True),
        "Mark region": lambda: rig.annotation_actions.use_tool("region"),
        "Split": lambda: rig.correction_tool.use("split"),
        "Set class": lambda: rig.annotation_actions.use_tool("class"),
        "Class": lambda: rig.correction_tool.use("class"),
        "Erase": lambda: rig.annotation_actions.use_tool("erase"),
        "Paint": lambda: rig.correction_tool.use("paint"),
        "Same cell": lambda: rig.link_tool.use("same"),
        "Click": rig.click_tool.use,
        "Review": rig.review.next,
        "Background": lambda: rig.annotation_actions.use_tool("background"),
    }


def on(scene: Scene) -> list[str]:
    """Return all tools that are on."""
    rig = scene.rig
    tools = [rig.annotation.tool, rig.correction_tool.tool, "explain" * rig.explanation.on]
    tools += [rig.link_tool.tool, "click" * rig.click_tool.on]
    tools.append("review" * (rig.review.on and not rig.correction_tool.tool))
    return [name for name in tools if name]


def test_one_tool_is_on_and_named(scene: Scene, tool: ActiveTool) -> None:
    every = starts(scene)
    names = [*every, *reversed(every)]
    for name in names:
        every[name]()
        scene.until(lambda: len(on(scene)) == 1)
        assert tool.name == name
        assert tool.sentence


def test_escape_leaves_every_tool(scene: Scene, tool: ActiveTool) -> None:
    for name, start in starts(scene).items():
        start()
        assert tool.name == name
        active = scene.viewer.layers.selection.active
        handler = KeymapHandler()
        handler.keymap_providers = [active, scene.viewer]
        assert handler.press_key("Escape")
        assert on(scene) == []
        assert (tool.name, tool.sentence) == ("", "")
        assert str(active.mode) == "pan_zoom"
        handler.keymap_providers = [active]
        assert "Escape" not in map(str, active.keymap), "the key is napari's again"


def test_a_key_of_the_users_comes_back(scene: Scene, tool: ActiveTool) -> None:
    mine = scene.viewer.add_layer(Labels(scene.layer.data.copy()))

    def theirs(_layer: Labels) -> None:
        raise AssertionError("it is not theirs while a tool is on")

    mine.bind_key("Escape", theirs)
    scene.rig.explanation.set_on(True)
    scene.viewer.layers.selection.active = mine
    handler = KeymapHandler()
    handler.keymap_providers = [mine, scene.viewer]
    assert tool.name == "Explain"
    handler.press_key("Escape")
    assert not scene.rig.explanation.on
    assert list(mine.keymap.values()) == [theirs]
