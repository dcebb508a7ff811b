"""Floor 1: keys and what they seal. A root key wraps tenants' keys, those wrap the keys of subjects, those seal records.

All keys below the root are random, so that they can be destroyed. Knows no chain, no route and no configuration file.
"""
