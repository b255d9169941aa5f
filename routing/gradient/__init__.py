"""Route gradients: masks, rules, the router, and optimisers that keep regions unchanged."""
