"""Measurements against a textbook version, in the same run. See `__main__`."""

import sys
from pathlib import Path

# The textbook version lives with the tests that it is the measure of.
sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
