"""Proposals of what to annotate next."""
