"""Pages with known words, and what is measured on them, for `benchmarks.ocr_check`."""
