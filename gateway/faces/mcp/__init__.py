"""Memory as tools of the Model Context Protocol: JSON-RPC over one path, stateless, each call with its own credential.

Written against the protocol and not over its SDK, whose server costs some twenty times what a call costs here.
"""
