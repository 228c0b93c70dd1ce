"""The other side of `operator`, as a real application with a page."""
