"""Measurements of speed, memory and answers, and the full-size checkpoints that they need."""
