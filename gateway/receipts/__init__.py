"""Floor 1: proofs of erasure. What one says, how it is signed, and how anybody checks it without a gateway."""
