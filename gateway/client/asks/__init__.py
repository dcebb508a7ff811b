"""The operations of the native API, one function each: what a call takes, and the Ask that it comes to.

These functions are the signatures of both clients; each takes, beside its own, the parts of the scope and the route.
"""
