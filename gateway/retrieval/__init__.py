"""Floor 1: which of the kept records answer a question, and in what order.

Ranks by itself whatever a provider cannot rank, so that one configuration means the same on every backend. Knows no
tenant rules, no transport and no configuration file.
"""
