"""A network on a processor: its convolutions and the loops between them, a tile a thread."""
