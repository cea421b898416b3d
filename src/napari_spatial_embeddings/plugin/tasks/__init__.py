"""Tasks: what runs in a worker thread, from frozen requests to reports; neither Qt nor napari."""
