"""PyTorch as a backend, on CPU, CUDA and MPS."""
