"""Learning from examples instead of an environment."""
