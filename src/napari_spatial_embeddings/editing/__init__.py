"""Corrections and explanations of instances, and their use as annotations."""
