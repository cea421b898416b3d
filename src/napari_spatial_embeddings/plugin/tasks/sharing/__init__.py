"""Work of sharing in a thread: models that are imported and exported."""
