"""A system of yours, played: receives signed events, and sends them."""
