"""The command ``import``: annotations of other programs as label images."""
