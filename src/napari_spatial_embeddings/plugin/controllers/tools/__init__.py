"""The tool that is on, and controllers that help to annotate."""
