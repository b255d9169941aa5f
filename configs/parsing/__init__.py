"""Turn YAML files and `key=value` settings into typed, frozen configs."""
