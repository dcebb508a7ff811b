"""Floor 3, beside the services: durable work in the background. Our code says what is done, DBOS keeps it and when.

What is owed is kept in tables of ours; DBOS has nothing of it but the ids of jobs. Only `engine`, the store of erasures
and what they open import DBOS and SQLAlchemy, and nothing imports those before a configuration needs them.
"""
