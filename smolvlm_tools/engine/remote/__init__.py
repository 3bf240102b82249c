"""An engine whose model runs on a server with OpenAI's chat completions API, and images.

settings    what is said about the server     sse       bytes → events
pictures    an image → a data URI             wire      a request → JSON; events → pieces
answers     types of answers → JSON schemas   heard     pieces → text, value, confidence
options     log-probabilities → options       endpoint  HTTP: retries, limits, errors
call        one request from images to result
calls       many of them at a time, on one event loop
engine      what `SmolVLM` asks of it
"""
