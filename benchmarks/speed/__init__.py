"""Seconds, beside other engines."""
