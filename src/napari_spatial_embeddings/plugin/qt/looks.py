"""Looks of single widgets, by name; lengths that texts need are in em, the font's height.

Each widget has its own rules. With one sheet for the whole dock, Qt would style every widget in it
once more than for napari's own sheet, those too that are never seen.
"""

from __future__ import annotations

from qtpy.QtWidgets import QWidget

FLAT = "QTextEdit { background: transparent; border: none; padding: 0px; }"

SHEETS = {
    "number": "QAbstractSpinBox { min-width: 6em; }",
    "rows": "QAbstractItemView::item { padding: 1px 2px; }",
    "more": "#more::menu-indicator { image: none; width: 0px; }",
    "drop": """
#drop { border: 1px solid transparent; border-radius: 4px; }
#drop[drop="true"] { border-color: #3a7dcb; }
""",
    "place": """
#place { border: 1px dashed #6c7480; border-radius: 4px; padding: 8px; font-style: italic; }
""",
    "main": """
#main:enabled { background: #2d6cb5; color: white; font-weight: bold; }
#main:enabled:hover { background: #3a7dcb; }
#main[active="true"] { background: #9c4221; }
#main[active="true"]:hover { background: #b5502b; }
""",
    "advice": """
#advice { background: #6b5414; color: #fff3d0; padding: 4px 8px; border-radius: 4px; }
""",
    "tool": """
#tool { border-radius: 4px; }
#tool[on="true"] { background: #1f4e79; }
#tool[on="true"] * { color: #e6f2ff; background: transparent; }
""",
    "message": f"""
#message {{ border-radius: 4px; }}
{FLAT}
QToolButton {{ background: transparent; }}
#message[kind="warning"] {{ background: #6b5414; }}
#message[kind="warning"] * {{ color: #fff3d0; background: transparent; }}
#message[kind="error"] {{ background: #6e2626; }}
#message[kind="error"] * {{ color: #ffe1e1; background: transparent; }}
""",
    "explanation": FLAT,
    "news": f"{FLAT} QTextEdit {{ margin-left: 4px; }}",
}

HINT_LEFT, GROUP_TOP = 5, 3
"""Pixels of room on the left of a hint, and above a title; napari's style has one more."""


def dress(widget: QWidget, name: str) -> None:
    """Name a widget, and give it the looks of that name, if there are any."""
    widget.setObjectName(name)
    if name in ("hint", "group"):
        font = widget.font()
        font.setItalic(name == "hint")
        font.setBold(name == "group")
        widget.setFont(font)
        left, top = (HINT_LEFT, 0) if name == "hint" else (0, GROUP_TOP)
        widget.setContentsMargins(left, top, 0, 0)
    elif name in SHEETS:
        widget.setStyleSheet(SHEETS[name])
