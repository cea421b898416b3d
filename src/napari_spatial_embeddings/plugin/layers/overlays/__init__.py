"""Overlays of tools: layers over an image that come and go with them."""
