"""The window of models: a list that can be managed, and files that are dropped."""
