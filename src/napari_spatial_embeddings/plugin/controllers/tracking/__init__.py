"""Controllers of the tracks through label series."""
