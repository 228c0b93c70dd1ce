"""Templates, notices and refusals: every word that people read."""
