"""A request, and how it becomes tile grids and token ids."""
