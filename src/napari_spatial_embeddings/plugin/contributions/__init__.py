"""What napari's menus offer of us: samples, readers and writers. The manifest names them."""
