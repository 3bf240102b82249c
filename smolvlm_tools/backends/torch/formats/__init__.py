"""Number formats of torch's matrices: ours and three libraries'."""
