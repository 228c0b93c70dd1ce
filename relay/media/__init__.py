"""Files, the links to them, and the addresses that must not be fetched."""
