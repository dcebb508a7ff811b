"""Languages of clients that people already have. Each is a package: a table of phrases, and the shapes they speak of.

A language decides nothing: who may do what, what is found and what is kept is the services' part, as for any face.
"""
