"""config.yaml, and everything that can be wrong with it, at once."""
