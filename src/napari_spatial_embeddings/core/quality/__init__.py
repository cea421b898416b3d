"""Quality of objects without ground truth."""
