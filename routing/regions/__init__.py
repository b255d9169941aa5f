"""Regions: which units they hold, what they own, and who reads them."""
