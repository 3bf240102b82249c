"""LoRA adapters, merged into the weights at load."""
