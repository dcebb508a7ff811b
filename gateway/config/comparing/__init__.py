"""What changes when one config takes the place of another: settings, instances, and what an operator should know.

Compares meanings, never texts: the same thing written elsewhere or otherwise is no difference. Pure; opens nothing.
"""
