"""One file for each tool: its arguments, its result, and what it does."""
