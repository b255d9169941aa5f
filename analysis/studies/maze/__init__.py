"""Studies of maze agents."""
