"""Adapters: what each framework calls memory, kept by a gateway. Import the one module you need; each needs its extra."""
