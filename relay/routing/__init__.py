"""The accounts, who gets what, who is meant, and which way an answer may take."""
