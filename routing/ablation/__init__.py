"""Switch regions off: while a network runs, in training, or for good."""
