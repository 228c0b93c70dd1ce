"""One file per bug, named after it; each says what broke."""
