"""Floor 1: one backend per file. Each module's `__all__` names its one class; the catalog finds it by that.

A provider knows records and reaches, never routes, tenants' policies, retrieval or HTTP.
"""
