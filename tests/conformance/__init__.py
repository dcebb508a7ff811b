"""The one contract of all providers: clauses (tests) against subjects (providers with options). See subjects.py."""
