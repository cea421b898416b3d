"""Contributions: what the manifest names."""
