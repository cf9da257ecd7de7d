"""People: signing up, logging in and out, and the language they choose."""
