"""Studies of side effects and POWER in gridworlds."""
