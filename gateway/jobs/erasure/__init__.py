"""Erasures as durable work: what was asked, the fence around a person, every target's answer, the receipt.

Only `store` and `tables` import SQLAlchemy, and nothing imports those before somebody has erased something.
"""
