"""Owners of what is large."""
