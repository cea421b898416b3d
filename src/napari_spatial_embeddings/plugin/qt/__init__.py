"""Reusable Qt parts, which know nothing of the plugin."""
