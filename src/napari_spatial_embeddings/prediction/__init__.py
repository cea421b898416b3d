"""Prediction of many images into files, whose results and reasons are listed at the end."""
