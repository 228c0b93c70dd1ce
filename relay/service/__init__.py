"""One process, and what runs beside its hooks and lanes."""
