"""Two people become a couple by an invite code."""
