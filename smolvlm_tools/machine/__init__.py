"""This machine: its processor, its memory and this process's heap."""
