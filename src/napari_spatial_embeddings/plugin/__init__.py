"""Everything that needs napari or Qt. Nothing outside this folder imports either."""
