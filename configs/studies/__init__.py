"""The options of studies, read from signatures and docstrings, also without importing them."""
