"""Controllers: what acts, each the owner of one thing; no widgets."""
