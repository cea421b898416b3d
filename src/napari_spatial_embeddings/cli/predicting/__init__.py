"""Parts of ``predict``: its inputs, and what becomes of each."""
