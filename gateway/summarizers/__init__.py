"""What makes a text out of a conversation: floor 1, one summariser in each file.

Each is told what was said and what was summed up before, and gives one text. None knows records, routes or sessions.
"""
