"""What a checkpoint does and why. One room for each kind of question; no Lightning, no W&B."""
