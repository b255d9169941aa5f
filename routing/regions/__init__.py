"""Regions of a network: their units, the parameters that they own, the weights that read them."""
