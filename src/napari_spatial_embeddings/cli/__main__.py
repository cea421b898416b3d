"""``python -m napari_spatial_embeddings.cli``."""

import sys

from . import main

if __name__ == "__main__":  # workers on this machine import it under another name
    sys.exit(main())
