"""The store: what is in motion. Every key is listed in `keys`, every script lies in `lua/`."""
