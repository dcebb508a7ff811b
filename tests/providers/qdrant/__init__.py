"""What holds for Qdrant beyond the contract of all providers."""
