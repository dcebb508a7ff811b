"""Moving records from one provider to another, and in and out of files. Works on opened providers through the port only:
what it moves is whatever kinds both can hold, always of one tenant at a time.
"""
