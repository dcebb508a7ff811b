"""Language models through the gateway: a client changes its base URL, and the model is told what is remembered.

A tongue is one API of models: how its requests and replies are read and changed. The flow is the same for all.
"""
