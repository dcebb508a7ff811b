"""Memory Gateway: one server, declared in YAML, in front of every memory backend."""

__version__ = "0.1.0"
