"""Files that layers were opened from."""
