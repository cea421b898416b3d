"""A watcher of the window that a widget is in, which asks before that is closed."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QEvent, QObject, Signal
from qtpy.QtWidgets import QMainWindow, QWidget


class WindowWatcher(QObject):
    """Watches the dock and the window that a widget is in, wherever it is moved.

    Closing by the program cannot be refused. Closing by the user can: by ``may_close``, and by the
    window itself, which may ask whether that was meant; it is hidden once it was.

    Parameters
    ----------
    widget : QWidget
    may_close : callable
        Called when the user closes the window; it stays open if this returns False.
    """

    closed = Signal()
    """The window closes; emitted perhaps more than once."""

    def __init__(self, widget: QWidget, may_close: Callable[[], bool]) -> None:
        super().__init__(widget)
        self._widget, self._may_close = widget, may_close
        self._closing = False
        self._above: list[QObject] = []

    def watch(self) -> None:
        """Watch what the widget is in, now."""
        self.stop()
        parent: QObject | None = self._widget.parent()
        while parent is not None:
            parent.installEventFilter(self)
            self._above.append(parent)
            parent = parent.parent()

    def stop(self) -> None:
        """Watch nothing."""
        for one in self._above:
            one.removeEventFilter(self)
        self._above = []

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Follow the widget into another dock or window, and see this close."""
        if event.type() == QEvent.Type.ParentChange:
            self.watch()
        elif isinstance(watched, QMainWindow):
            if event.type() == QEvent.Type.Close:
                if event.spontaneous() and not self._may_close():
                    event.ignore()
                    return True
                self._closing = True
            if self._closing and event.type() in (QEvent.Type.Close, QEvent.Type.Hide):
                if event.type() == QEvent.Type.Hide or not event.spontaneous():
                    self.closed.emit()
            elif event.type() == QEvent.Type.Show:
                self._closing = False
        return bool(super().eventFilter(watched, event))
