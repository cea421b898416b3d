"""Style sheet of the dock widget; lengths that texts need are in em, the font's height."""

STYLE = """
QAbstractSpinBox { min-width: 6em; }
#hint { font-style: italic; padding-left: 6px; }
#more::menu-indicator { image: none; width: 0px; }
QListWidget::item { padding: 1px 2px; }
QTreeView::item { padding: 1px 2px; }
#drop { border: 1px solid transparent; border-radius: 4px; }
#drop[drop="true"] { border-color: #3a7dcb; }
#place { border: 1px dashed #6c7480; border-radius: 4px; padding: 8px; font-style: italic; }
#group { font-weight: bold; padding-top: 4px; }
#main:enabled { background: #2d6cb5; color: white; font-weight: bold; }
#main:enabled:hover { background: #3a7dcb; }
#main[active="true"] { background: #9c4221; }
#main[active="true"]:hover { background: #b5502b; }
#advice { background: #6b5414; color: #fff3d0; padding: 4px 8px; border-radius: 4px; }
#tool { border-radius: 4px; }
#tool[on="true"] { background: #1f4e79; }
#tool[on="true"] * { color: #e6f2ff; background: transparent; }
#message { border-radius: 4px; }
#message QTextEdit, #explanation, QTextEdit#note {
    background: transparent; border: none; padding: 0px;
}
QTextEdit#note { margin-left: 4px; }
#message QToolButton { background: transparent; }
#message[kind="warning"] { background: #6b5414; }
#message[kind="warning"] * { color: #fff3d0; background: transparent; }
#message[kind="error"] { background: #6e2626; }
#message[kind="error"] * { color: #ffe1e1; background: transparent; }
"""
