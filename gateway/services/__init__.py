"""Floor 3: what is done with records, and in which order. Every face calls these and adds no rule of its own."""
