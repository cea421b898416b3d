"""Contributions to napari's menus: samples, readers and writers. The manifest names them."""
