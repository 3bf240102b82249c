"""What one CUDA device does."""
