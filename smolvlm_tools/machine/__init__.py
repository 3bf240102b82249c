"""This machine: processor, memory, heap, amounts of bytes. Knows no model."""
