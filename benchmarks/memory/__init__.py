"""Predicted and measured memory."""
