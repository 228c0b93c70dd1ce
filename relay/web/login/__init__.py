"""Logging in and out, and what every request of a browser must prove."""
