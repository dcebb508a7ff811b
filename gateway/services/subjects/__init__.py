"""One person, across all that a tenant has: everything ended, with proof, or everything handed out."""
