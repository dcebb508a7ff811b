"""Clients that people already have, unmodified, against a gateway process."""
