"""Regions switched off: while a network runs, in training, or for good."""
