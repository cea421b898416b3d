"""``python -m napari_spatial_embeddings.cli``."""

import sys

from . import main

sys.exit(main())
