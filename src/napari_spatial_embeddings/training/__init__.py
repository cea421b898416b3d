"""Training of models on annotated images."""
