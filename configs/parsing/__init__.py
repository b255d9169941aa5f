"""From YAML and `key=value` to typed, frozen configs."""
