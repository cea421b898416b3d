"""Layers of label series and of the tracks through them."""
