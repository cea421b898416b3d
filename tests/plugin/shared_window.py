"""One napari window that tests take turns with: to open and close one takes over a second.

Each test gets it as new. What it leaves behind is cleared, and then compared with what the window
was at first: one that differs is closed, and the next test opens another.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

from app_model import Application
from napari._app_model._app import NapariApplication, _napari_names
from napari._qt._qapp_model.qactions import init_qactions
from napari._qt.dialogs.qt_notification import NapariQtNotification
from napari._qt.qt_main_window import _QtMainWindow
from napari._qt.qt_viewer import QtViewer
from napari._qt.threads.status_checker import StatusChecker
from napari.plugins import _initialize_plugins
from napari.settings import get_settings
from napari.utils import progress
from napari.viewer import Viewer
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QCoreApplication, QEvent
from qtpy.QtWidgets import QApplication, QWidget

SIZE = 1280, 800
"""The size that a small notebook's screen has, in pixels."""

TURNS = 25
"""Number of tests that share a window: what napari keeps of former layers and docks adds up."""

APP = "shared window"


class SharedWindow:
    """The window, opened when a test wants it; a shown one is not the one that is never shown."""

    def __init__(self) -> None:
        self._viewer: Viewer | None = None
        self._shown = False
        self._turns = 0
        self._patches = ExitStack()
        self._first: dict[str, Any] = {}
        self._parts: dict[str, dict[str, Any]] = {}
        self._before: set[QWidget] = set()
        self._layout: Any = None

    def lend(self, qtbot: QtBot, show: bool) -> Viewer:
        """Return a viewer as new, whose window is shown or not."""
        if self._shown != show:
            self.close()
        if self._viewer is None:
            self._open(show)
        viewer = self._viewer
        assert viewer is not None
        window = viewer.window._qt_window
        if window not in _QtMainWindow._instances:
            _QtMainWindow._instances.append(window)
        if show:
            window.show()
            qtbot.wait_exposed(window, timeout=5000)
        self._turns += 1
        return viewer

    def take_back(self, failed: bool) -> None:
        """Clear the window, or close it if it is not as it was; no widget may be left behind."""
        viewer, left = self._viewer, ""
        assert viewer is not None
        if hasattr(viewer.window, "_qt_window"):
            try:
                self._clear(viewer)
            except BaseException:
                self.close(failed=True)
                raise
            left = self._left(viewer.window._qt_window)
            if failed or left or self._turns >= TURNS or self._differs(viewer):
                self.close(failed)
        else:
            self.close(failed)
        assert failed or not left, f"these widgets were left behind: {left}"

    def close(self, failed: bool = False) -> None:
        """Close the window, if there is one; nothing may keep its viewer."""
        if self._viewer is None:
            return
        viewer, self._viewer, self._turns = self._viewer, None, 0
        if hasattr(viewer.window, "_qt_window"):
            with patch.object(viewer.window._qt_window, "_save_current_window_settings"):
                viewer.close()
        del viewer
        settle()
        self._first, self._before = {}, set()
        gc.unfreeze()
        gc.collect()
        gc.freeze()
        self._patches.close()  # now: menus that are there are made anew with each action that goes
        count = len(QtViewer._instances)
        QtViewer._instances.clear()
        assert failed or not count, "something keeps the viewer of a window that was closed"

    def _open(self, show: bool) -> None:
        """Open the window as napari's fixture does: without its console and thread of texts."""
        get_settings().reset()
        app = NapariApplication(APP)
        app.injection_store.namespace = _napari_names
        self._patches.callback(forget_app)
        for patched in (
            patch.object(NapariApplication, "get_app_model", return_value=app),
            patch.object(StatusChecker, "start", lambda *_: None),
            patch.object(QtViewer, "_get_console", no_console),
        ):
            self._patches.enter_context(patched)
        _initialize_plugins.cache_clear()
        init_qactions.cache_clear()
        self._viewer = viewer = Viewer(show=False, show_welcome_screen=False)
        self._shown = show
        viewer.window._qt_window.resize(*SIZE)
        settle()
        self._parts = {name: part.model_dump() for name, part in parts(viewer)}
        self._set_back(viewer)  # a number that is set is written otherwise than napari's default
        self._first = state(viewer)
        self._layout = viewer.window._qt_window.saveState()
        self._before = set(QApplication.topLevelWidgets())

    def _clear(self, viewer: Viewer) -> None:
        """Bring the window back to what it was, as far as that can be asked for."""
        window, own = viewer.window._qt_window, viewer.window._qt_viewer
        window.hide()
        viewer.layers.clear()
        kept = own.dockConsole, own.dockLayerControls, own.dockLayerList
        for dock in list(viewer.window._wrapped_dock_widgets.values()):
            if not any(dock is x for x in kept):
                inner = dock.widget()
                viewer.window.remove_dock_widget(dock)
                if inner is not None:
                    inner.deleteLater()  # one that was closed down before does not do so itself
        for note in window.findChildren(NapariQtNotification):
            note.close()
        get_settings().reset()
        viewer.dims.ndim = 2
        self._set_back(viewer)
        window.restoreState(self._layout)
        window.resize(*SIZE)
        settle()
        viewer.help, viewer.status, viewer.title = "", "Ready", "napari"
        viewer.mouse_over_canvas = False
        if window in _QtMainWindow._instances:
            _QtMainWindow._instances.remove(window)  # between its turns, there is no viewer
        gc.collect(1)

    def _set_back(self, viewer: Viewer) -> None:
        for name, part in parts(viewer):
            part.update(self._parts[name])
        viewer.scene.camera._cached_2d_state = viewer.scene.camera._cached_3d_state = None

    def _differs(self, viewer: Viewer) -> bool:
        """Return whether a cleared window is not as it was, but for the size of a shown canvas."""
        first, now = self._first, state(viewer)
        if self._shown:
            now["model"][".canvas.size"] = first["model"][".canvas.size"]
        return now != first

    def _left(self, window: QWidget) -> str:
        """Return the widgets that are not the window's own, in words."""
        new = set(QApplication.topLevelWidgets()) - self._before
        return ", ".join(repr(x) for x in new if not (is_naparis(x) or belongs(x, window)))


def forget_app() -> None:
    """Have the next window make its menus and actions anew."""
    Application.destroy(APP)
    _initialize_plugins.cache_clear()
    init_qactions.cache_clear()


def no_console(*_: object) -> QWidget:
    """Return an empty widget."""
    widget: Any = QWidget()
    widget._update_theme = lambda *_: None
    return widget  # type: ignore[no-any-return]


def settle() -> None:
    """Let Qt do what waits, deletions too."""
    QApplication.processEvents()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    QApplication.processEvents()


def is_naparis(widget: QWidget) -> bool:
    """Return whether a widget is a canvas or menu that napari makes and drops as it likes."""
    name = type(widget).__name__
    own = name == "CanvasBackendDesktop" or name.startswith("QModel")
    return own or widget.objectName() == "handled_widget"


def belongs(widget: QWidget, window: QWidget) -> bool:
    """Return whether a widget is a part of a window, as a popup may be."""
    owner = widget.parentWidget()
    return owner is window or (owner is not None and belongs(owner, window))


def parts(viewer: Viewer) -> tuple[tuple[str, Any], ...]:
    """Return the parts of a viewer that can be set back."""
    return (
        ("dims", viewer.dims),
        ("camera", viewer.scene.camera),
        ("grid", viewer.canvas.grid),
        ("cursor", viewer.cursor),
        ("tooltip", viewer.tooltip),
        *((f"canvas {name}", overlay) for name, overlay in viewer.canvas.overlays.items()),
        *((f"scene {name}", overlay) for name, overlay in viewer.scene.overlays.items()),
    )


def emitters(viewer: Viewer) -> Iterator[tuple[str, Any]]:
    """Return what a viewer's followers are connected to."""
    yield "viewer", viewer.events
    yield "layers", viewer.layers.events
    yield "selection", viewer.layers.selection.events
    for name, part in parts(viewer):
        if hasattr(part.events, "emitters"):  # psygnal's forget by themselves
            yield name, part.events
    yield "settings", get_settings().appearance.events


def state(viewer: Viewer) -> dict[str, Any]:
    """Return what tells a viewer that was used from one that is new, its followers too."""
    window, camera = viewer.window._qt_window, viewer.scene.camera
    kinds = ("move", "drag", "wheel", "double_click")
    found: dict[str, Any] = {
        "model": flat("", viewer.model_dump(exclude={"layers", "cursor"})),
        "camera": (camera._cached_2d_state, camera._cached_3d_state),
        "menus": [x.text() for x in window.menuBar().actions()],
        "docks": sorted(viewer.window._wrapped_dock_widgets),
        "size": (window.width(), window.height()),
        "mouse": [getattr(viewer, f"mouse_{kind}_callbacks").copy() for kind in kinds],
        "keys": (list(viewer.keymap), list(viewer.class_keymap)),
        "bars": len(progress._all_instances),
    }
    for name, group in emitters(viewer):
        numbers = {key: sum(map(counts, x.callbacks)) for key, x in group.emitters.items()}
        found[f"followers of {name}"] = {key: n for key, n in numbers.items() if n}
    return found


def flat(path: str, value: Any) -> dict[str, str]:
    """Return nested values by their paths, as texts."""
    if not isinstance(value, dict):
        return {path: repr(value)}
    return {k: text for key, x in value.items() for k, text in flat(f"{path}.{key}", x).items()}


def counts(callback: Any) -> bool:
    """Return whether what an emitter calls is there, and no overlay: napari makes them late."""
    if not isinstance(callback, tuple):
        return True
    owner = callback[0]()
    return owner is not None and not type(owner).__module__.startswith("napari._vispy.overlays")
