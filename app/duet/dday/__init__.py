"""The days that count: since the beginning, until a day of their own, and the milestones between."""
