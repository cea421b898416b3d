"""The lines below the steps: the tool that is on, and the newest message."""

from __future__ import annotations

from functools import partial

from qtpy.QtWidgets import QVBoxLayout

from napari_spatial_embeddings.files.errors import log
from napari_spatial_embeddings.plugin.controllers.tools.active_tool import ActiveTool
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.qt.log_messages import LogMessages
from napari_spatial_embeddings.plugin.qt.message_bar import MessageBar
from napari_spatial_embeddings.plugin.qt.tool_line import ToolLine
from napari_spatial_embeddings.plugin.state.session import Session

from .help import HelpButton


class StatusLines(QVBoxLayout):
    """Names the tool, shows messages and what the readers warn of, and has the button of the help.

    A layout and no widget, as a long message lies over what is above it.

    Parameters
    ----------
    session : Session
    active_tool : ActiveTool

    Attributes
    ----------
    tool : ToolLine
    message : MessageBar
    """

    def __init__(self, session: Session, active_tool: ActiveTool) -> None:
        super().__init__()
        self.setContentsMargins(4, 0, 8, 4)
        self._active_tool, self._help = active_tool, HelpButton()
        self.tool = ToolLine()
        self.message = MessageBar(self._help, self.tool)
        self.addWidget(self.tool)
        self.addWidget(self.message)
        self._warnings = LogMessages(log, self)
        self._connections = Connections()
        self._connections.add(session.message, self.message.show_message)
        self._connections.add(self._warnings.warned, partial(session.say, kind="warning"))
        self._connections.add(active_tool.changed, self._show_tool)
        self._connections.add(self.tool.left, active_tool.leave)
        self._show_tool()  # the brush may be chosen already

    def close_down(self) -> None:
        """Close the help, and show nothing any more."""
        self._help.close_down()
        self._warnings.close()
        self._connections.close()

    def _show_tool(self) -> None:
        self.tool.show_tool(self._active_tool.name, self._active_tool.sentence)
