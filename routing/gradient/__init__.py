"""Routed gradients: masks, rules, the router, and optimisers under which regions rest."""
