"""Checkpoints: the states that a run can go on from, in the order in which they were first put."""
