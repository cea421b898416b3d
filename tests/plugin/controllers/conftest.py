"""Fixtures of controllers without a window."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from plugin.owners import Owners


@pytest.fixture
def owners(qapp: object, model: ViewerModel) -> Iterator[Owners]:  # noqa: ARG001
    """Return the controllers of images, project and annotations."""
    from plugin.owners import make_owners

    made = make_owners(model)
    yield made
    made.close()
