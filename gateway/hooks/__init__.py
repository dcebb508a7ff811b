"""Hooks: one type in each file. Each knows the domain alone, and nothing of routes, services or other hooks."""
