"""HTTP as deliveries speak it."""
