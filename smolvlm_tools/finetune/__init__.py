"""Fine-tuning on a user's own images: data in, an adapter or a merged checkpoint out.

`samples` holds what is learned from, `options` what a run is asked to do.
"""
