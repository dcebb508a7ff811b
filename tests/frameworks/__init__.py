"""Frameworks as they are released, over a real gateway, without network and without a model that costs anything."""
