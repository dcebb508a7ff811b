"""Floor 1: text to vectors, one way in each file. A plugin's `__all__` names its one class.

Knows no records, no scopes and no ranking.
"""
