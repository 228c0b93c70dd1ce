"""The other side of `astrak`, as a real application with a page."""
