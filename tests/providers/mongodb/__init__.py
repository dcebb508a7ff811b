"""What MongoDB as a backend promises beyond the conformance suite."""
