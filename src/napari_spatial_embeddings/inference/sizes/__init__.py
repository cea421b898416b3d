"""Sizes of objects in images that nothing is known of."""
