"""How many calls a plan needs, and when they will be done."""
