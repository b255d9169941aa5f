"""Train on a corpus instead of an environment: autoencoders and language models."""
