"""The home page of two."""
