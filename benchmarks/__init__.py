"""Full-size checkpoints with random weights, and the measurements that `make bench` prints."""
