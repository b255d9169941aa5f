"""Studies that train: reproductions, curves over seeds, training after an ablation."""
