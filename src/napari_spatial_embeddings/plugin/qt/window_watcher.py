"""A watcher of the window that a widget is in, which asks before that is closed."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QEvent, QObject, Signal
from qtpy.QtWidgets import QMainWindow, QWidget

MayClose = Callable[[str], bool]

Guard = Callable[[QObject, MayClose], Callable[[], object]]


class WindowWatcher(QObject):
    """Watches the dock and the window that a widget is in, wherever it is moved.

    Closing by the program cannot be refused. Closing by the user can: by ``may_close``, and by the
    window itself, which may ask whether that was meant; it is hidden once it was.

    Parameters
    ----------
    widget : QWidget
    may_close : callable
        Called with what the user closes, in words; it stays open if this returns False.
    guard : callable
        Has whatever the widget is in call ``may_close`` where it is closed by other ways than its
        frame's cross; returns what undoes this.
    """

    closed = Signal()
    """The window closes; emitted perhaps more than once."""

    def __init__(self, widget: QWidget, may_close: MayClose, guard: Guard) -> None:
        super().__init__(widget)
        self._widget, self._may_close, self._guard = widget, may_close, guard
        self._closing = False
        self._above: list[tuple[QObject, Callable[[], object]]] = []

    def watch(self) -> None:
        """Watch what the widget is in, now."""
        self.stop()
        parent: QObject | None = self._widget.parent()
        while parent is not None:
            parent.installEventFilter(self)
            self._above.append((parent, self._guard(parent, self._may_close)))
            parent = parent.parent()

    def stop(self) -> None:
        """Watch nothing."""
        for one, undo in self._above:
            one.removeEventFilter(self)
            undo()
        self._above = []

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Follow the widget into another dock or window, and see this close."""
        if event.type() == QEvent.Type.ParentChange:
            self.watch()
        elif isinstance(watched, QMainWindow):
            if event.type() == QEvent.Type.Close:
                if event.spontaneous() and not self._may_close("the window"):
                    event.ignore()
                    return True
                self._closing = True
            if self._closing and event.type() in (QEvent.Type.Close, QEvent.Type.Hide):
                if event.type() == QEvent.Type.Hide or not event.spontaneous():
                    self.closed.emit()
            elif event.type() == QEvent.Type.Show:
                self._closing = False
        return bool(super().eventFilter(watched, event))
