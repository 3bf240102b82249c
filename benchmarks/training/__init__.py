"""What `benchmarks.finetune` measures."""
