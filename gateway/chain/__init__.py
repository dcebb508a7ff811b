"""Floor 1: links of a chain. Each wraps a Provider and is one, so links compose in any order."""
