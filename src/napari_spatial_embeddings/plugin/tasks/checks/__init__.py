"""Checks of what a model found: against annotations, and against ground truth."""
