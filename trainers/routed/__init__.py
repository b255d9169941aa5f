"""Gradient routing in a training run: labels of episodes, and the losses that come with routes."""
