"""Routed gradients: masks, rules, the router, and optimisers that let regions rest."""
