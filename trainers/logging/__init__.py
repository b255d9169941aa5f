"""What a run tells while it trains: metrics, W&B, films, progress."""
