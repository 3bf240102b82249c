"""What `python -m benchmarks.ingest` measures, each in a process of its own."""
