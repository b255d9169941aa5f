"""Analyses of checkpoints, with one room for each kind of question, without Lightning and W&B."""
