"""Run trainings from a config to a finished folder, resumably and repeatably."""
