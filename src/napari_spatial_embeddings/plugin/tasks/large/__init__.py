"""Work on large images."""
