"""Widgets of the step that links label series over time."""
