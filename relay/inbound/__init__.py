"""From a hook to a durable message: read, verify, parse, accept, and only then answer 200."""
