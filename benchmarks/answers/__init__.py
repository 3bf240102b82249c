"""How often answers are right, and how sure the model was."""
