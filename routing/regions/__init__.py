"""Regions: their units, the parameters that they own, and the weights that read them."""
