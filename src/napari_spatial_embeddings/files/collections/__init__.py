"""Files and folders that hold several images: plates, positions, scenes."""
