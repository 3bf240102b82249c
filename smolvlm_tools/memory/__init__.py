"""How much memory a model takes, before it is loaded; see `plan` and docs/memory.md."""
