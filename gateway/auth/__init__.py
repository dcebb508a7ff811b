"""Floor 1: credentials to Principal. Knows no route, no provider and no HTTP beyond the text of a header."""
