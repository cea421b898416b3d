"""Trained models and their use: files, normalisation, resampling, tiles, devices."""
