"""Which backend is quickest on this machine: measured when asked to, kept, and used by "auto"."""
