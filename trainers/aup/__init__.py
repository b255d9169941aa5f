"""PPO with a penalty on changes of attainable utility (AUP), and its auxiliary values."""
