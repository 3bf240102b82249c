"""Token by token to a reply: the one decode loop and what it is made of."""
