"""The operator panel: a page that is a client of /api/v1 and nothing else."""
