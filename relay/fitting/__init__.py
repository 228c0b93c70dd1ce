"""Making content fit the other side: pure functions over texts, options and files."""
