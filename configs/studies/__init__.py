"""Read the options of studies from signatures and docstrings, also without importing them."""
