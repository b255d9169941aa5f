"""Deep auxiliary values for AUP in rich worlds (Turner et al. 2020, arXiv 2006.06547)."""
