"""Gradient routing in a training run: labels of episodes, and what routes add to the loss."""
