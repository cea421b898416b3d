"""What holds for every test."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# No deadlines: the first example pays for compiling the loops. In CI the examples are always the
# same, so that a change lands or fails by its own merit; elsewhere every run looks at new ones.
settings.register_profile(
    "local", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.register_profile("ci", settings.get_profile("local"), derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "local")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say which tests stay in one process when several run: `./dev test` takes two.

    A file's, which share what they prepare; and all that open windows, as a screen has one focus.
    """
    windows = Path(__file__).parent / "widgets"
    for item in items:
        group = "windows" if windows in item.path.parents else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))
