"""What the Zep provider promises beyond the clauses that hold for all."""
