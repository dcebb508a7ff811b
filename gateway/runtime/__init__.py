"""Floor 2: a checked Config becomes a Snapshot of running objects, from which requests are served."""
