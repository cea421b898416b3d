"""Forms that ask: what is typed is returned, and nothing if they are cancelled."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication, QComboBox, QDialog, QFormLayout, QLineEdit

from napari_spatial_embeddings.plugin.qt.dialogs import Dialogs

Answer = tuple[list[str], str | None] | None


@pytest.mark.usefixtures("qtbot")
@pytest.mark.parametrize(
    ("names", "licence", "finish", "expected"),
    [
        (" Ada Example,B. C. ,", "MIT", QDialog.accept, (["Ada Example", "B. C."], "MIT")),
        ("", " ", QDialog.accept, ([], None)),
        ("Ada", "MIT", QDialog.reject, None),
    ],
)
def test_the_rights_of_a_model(
    names: str, licence: str, finish: Callable[[QDialog], None], expected: Answer
) -> None:
    seen = list[tuple[str, str]]()

    def fill() -> None:
        box = QApplication.activeModalWidget()
        assert isinstance(box, QDialog)
        form = box.layout()
        assert isinstance(form, QFormLayout)
        items = [form.itemAt(row, QFormLayout.ItemRole.FieldRole) for row in (0, 1)]
        authors, right = (item.widget() for item in items if item is not None)
        assert isinstance(authors, QLineEdit)
        assert isinstance(right, QComboBox)
        seen.append((authors.text(), right.currentText()))
        authors.setText(names)
        right.setCurrentText(licence)
        finish(box)

    QTimer.singleShot(0, fill)
    assert Dialogs().model_rights(["A. B.", "C. D."], "CC-BY-4.0") == expected
    assert seen == [("A. B., C. D.", "CC-BY-4.0")]
