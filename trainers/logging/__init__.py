"""Report on a run while it trains: metrics, W&B, films, progress."""
