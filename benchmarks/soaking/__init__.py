"""What `benchmarks.soak` is made of."""
