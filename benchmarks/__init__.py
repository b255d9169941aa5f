"""Measure speed beside peers, and count the code. This package is not part of the wheel."""
