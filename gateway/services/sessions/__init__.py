"""Sessions: messages in the order they were said, one system slot, and the window of them that a model is given."""
