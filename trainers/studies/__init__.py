"""Studies that train: reproductions, curves over seeds, what happens after an ablation."""
