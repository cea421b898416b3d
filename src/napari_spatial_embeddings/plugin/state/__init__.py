"""State: what the plugin knows, with signals; neither Qt nor napari."""
