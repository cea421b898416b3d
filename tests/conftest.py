"""Profiles of hypothesis, for all tests."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# No deadlines: the first example includes compiling the loops. In CI the examples are always the
# same, so that a change lands or fails by its own merit; elsewhere every run looks at new ones.
settings.register_profile(
    "local", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.register_profile("ci", settings.get_profile("local"), derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "local")
