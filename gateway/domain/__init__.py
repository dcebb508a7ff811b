"""Floor 0: what everything else is about. Imports the standard library and msgspec only.

Knows no I/O, no clock, no logging and no configuration.
"""
