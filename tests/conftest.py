"""Loads what must be there before the folders below are read: the options and the matrix of the conformance suite."""

pytest_plugins = ("tests.figures",)
