"""Studies that train, or that need a trainer's gradients."""
