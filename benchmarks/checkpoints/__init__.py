"""Full-size checkpoints of random weights to measure with."""
