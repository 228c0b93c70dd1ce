"""The console: what runs, what waits, what was given up."""
