"""The command `export`, and the files that it is given."""
