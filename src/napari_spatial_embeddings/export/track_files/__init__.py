"""Files of tracks in formats of other programs."""
