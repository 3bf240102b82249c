"""How much the backend does at once: bounds of its memory. Imports no torch.

The code that keeps to a bound and the footprint that counts with it both read it here.
"""

CHUNK = 2048
"""Tokens of a prompt that go through the layers at once."""

LOOKED_UP = 64
"""Tokens looked up at a time in a table that is a mapped file: each row read makes `AROUND` bytes
of it count as this process's memory, so they are let go of again."""

AROUND = 65_536
"""Linux's `fault_around_bytes`."""

ARENA_STEP = 512
"""An arena's rows hold a multiple of this many positions: each change of their length makes
captured graphs worthless."""

QUANTIZED_AT_ONCE = 1 << 20
"""Numbers of a matrix."""
