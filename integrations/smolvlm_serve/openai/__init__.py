"""OpenAI's API, as far as a vision model has a use for it."""
