"""Measurements against a textbook version, in the same run. See `__main__`."""
