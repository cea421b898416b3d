"""Owners of what is shared with others."""
