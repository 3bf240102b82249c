"""`python -m smolvlm_serve`."""

from .command import main

main()
