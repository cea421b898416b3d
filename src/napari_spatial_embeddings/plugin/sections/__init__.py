"""Sections: what is on the screen; widgets without state of their own."""
