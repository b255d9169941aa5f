"""Remove regions from a network for good."""
