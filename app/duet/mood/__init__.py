"""The mood of the day, shown to the partner."""
