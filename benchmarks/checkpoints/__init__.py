"""Full-size checkpoints with random weights."""
