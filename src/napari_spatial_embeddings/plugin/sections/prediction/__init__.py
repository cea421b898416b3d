"""Parts of the section that predicts."""
