"""Checks of configs that types cannot express."""
