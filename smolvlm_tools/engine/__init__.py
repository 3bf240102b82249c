"""One loaded model: its queue, its worker, its memory, and the methods people call."""
