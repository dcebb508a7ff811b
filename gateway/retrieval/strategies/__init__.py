"""The ways to order candidates, one in each file. A file's `__all__` names its one class."""
