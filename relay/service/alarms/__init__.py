"""Telling the people who run the relay what needs them, once, and once when it is over."""
