"""A widget in a dock: closed down once, whatever the user closes, and giving way to the middle."""

from __future__ import annotations

from qtpy.QtCore import QCoreApplication, QEvent, QObject, QSize, Qt, QTimer
from qtpy.QtGui import QCloseEvent, QShowEvent
from qtpy.QtWidgets import QApplication, QDockWidget, QLayout, QMainWindow, QWidget

from .window_watcher import Guard, WindowWatcher


class DockedWidget(QWidget):
    """Closes down with its dock, its window or the application, or as a window of its own.

    A subclass overrides `may_close`, `end` and perhaps `least_width`.

    Parameters
    ----------
    guard : callable
        See `WindowWatcher`.
    width, least : int
        Pixels that it opens with where there is room; and those down to which it gives way, until
        the user makes it wider or narrower, where what is in the window's middle would have less
        than half of its width.
    opposite : int
        Pixels that docks on the other side have sooner or later, if there are any.
    """

    def __init__(self, guard: Guard, width: int, least: int, opposite: int = 0) -> None:
        super().__init__()
        self._width, self._least, self._opposite = width, least, opposite
        self._asked = 0
        self.setMinimumWidth(least)
        self._closed = False
        self._watcher = WindowWatcher(self, self.may_close, guard)
        self._watcher.closed.connect(self.close_down)
        if (app := QApplication.instance()) is not None:
            app.aboutToQuit.connect(self.close_down)

    def may_close(self, what: str) -> bool:  # noqa: ARG002 - for those that ask
        """Return whether the user may close what the widget is in, given in words."""
        return True

    def end(self) -> None:
        """Stop what runs in the background, and save."""

    def close_down(self) -> None:
        """Call `end`; once, however the dock is closed."""
        if not self._closed:
            self._closed = True
            self._watcher.stop()
            self.end()

    # ------------------------------------------------------------------ width

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return the size that it opens with."""
        if not self._asked:
            self._asked = self._room()
        return QSize(self._asked or self._width, super().sizeHint().height())

    def _room(self) -> int:
        """Return the width that leaves the middle its half; 0 before it is in a window."""
        window, dock = self.window(), self.parent()
        if not isinstance(window, QMainWindow) or not isinstance(dock, QDockWidget):
            return 0
        if (middle := window.centralWidget()) is None or not window.isVisible():
            return 0
        for part in self.findChildren(QWidget):
            if part.isVisibleTo(self):
                part.ensurePolished()
                part.updateGeometry()
        for layout in self.findChildren(QLayout):
            layout.invalidate()  # else they know the sizes of before
        docks = [x for x in window.findChildren(QDockWidget) if x.isVisible()]
        left = [
            x for x in docks if window.dockWidgetArea(x) == Qt.DockWidgetArea.LeftDockWidgetArea
        ]
        wide = max((x.width() for x in left), default=0)
        between = middle.x() - wide  # the style names fewer pixels than there are
        to_come = max(0, self._opposite - wide) if left else 0
        room = _width_of(middle) - to_come - between - (window.width() + 1) // 2
        return max(self.least_width(), min(self._width, room))

    def least_width(self) -> int:
        """Return the width down to which it gives way; a subclass may need more."""
        return self._least

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Watch the width of the window's middle."""
        super().showEvent(event)
        # Else it is painted once with room for what was hidden before it was shown.
        QCoreApplication.sendPostedEvents(None, QEvent.Type.LayoutRequest.value)
        window = self.window()
        if isinstance(window, QMainWindow) and (middle := window.centralWidget()) is not None:
            middle.installEventFilter(self)
            self._give_way()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Give way once the layout of the window is done."""
        if event.type() == QEvent.Type.Resize:
            QTimer.singleShot(0, self, self._give_way)
        return bool(super().eventFilter(watched, event))

    def _give_way(self) -> None:
        window, dock = self.window(), self.parent()
        if not isinstance(window, QMainWindow) or not isinstance(dock, QDockWidget):
            return
        if (middle := window.centralWidget()) is None or self.width() != self._asked:
            return
        missing = (window.width() + 1) // 2 - _width_of(middle)
        if missing > 0:
            self._asked = width = max(self.least_width(), self._asked - missing)
            window.resizeDocks([dock], [width], Qt.Orientation.Horizontal)

    # ---------------------------------------------------------------- closing

    def event(self, event: QEvent) -> bool:
        """Close down when napari takes the widget out of its dock: its x was pressed."""
        if event.type() == QEvent.Type.ParentChange and not self._closed:
            if self.parent() is None:
                self.close_down()
                self.deleteLater()
            else:
                self._watcher.watch()
        return bool(super().event(event))

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 - Qt's name
        """Close down when the widget is a window of its own."""
        self.close_down()
        super().closeEvent(event)


def _width_of(middle: QWidget) -> int:
    layout = middle.layout()
    return int(middle.width() if layout is None else layout.contentsRect().width())
