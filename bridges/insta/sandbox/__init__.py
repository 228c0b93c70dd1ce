"""The other side of `insta`, as a real application with a page."""
