"""Annotations of single images: their layers and what is counted on them."""
