"""What a run reports while it trains: metrics, W&B, films, progress."""
