"""Values of every type, pushed to and pulled from every ordered pair of vendors, come back equal.

``python -m tests.roundtrip --values 10000`` makes the whole journey; CI makes it with few values.
"""
