"""Recipes of the shipped models: one command each."""
