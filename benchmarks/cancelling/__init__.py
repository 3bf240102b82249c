"""Requests that are given up, in every stage and in every way, and how soon what they held is free.

sources   images that take long: to fetch, to read, to decode
watch     what the engine, the pool of child processes and this process are doing
asking    what all ways have in common
python    streams, events and tools on threads
loops     tasks of an event loop
calls     messages of MCP clients
stdio     an MCP server on pipes
http      an MCP server on HTTP, in both eras
trials    gives one request up and measures; many of them
"""
