"""Studies of residual streams and of steering language models."""
