"""Regions taken out of a network for good."""
