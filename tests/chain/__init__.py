"""Links of chains."""
