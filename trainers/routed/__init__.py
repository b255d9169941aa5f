"""Gradient routing in a training run: labels, and what routing adds to losses and metrics."""
