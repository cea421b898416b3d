"""Work on what is to be annotated next."""
