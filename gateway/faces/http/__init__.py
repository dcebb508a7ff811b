"""The native REST face."""
