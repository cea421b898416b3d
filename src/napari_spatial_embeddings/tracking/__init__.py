"""Identities over time: linking of the objects of frames, tracks, and corrections of links."""
