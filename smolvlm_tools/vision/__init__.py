"""Images and tile grids → features."""
