"""Images and grids to features."""
