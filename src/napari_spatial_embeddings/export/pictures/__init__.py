"""Pictures of segmented images: pixels, drawings of lines, and everything on one page."""
