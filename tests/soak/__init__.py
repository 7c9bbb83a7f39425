"""A soak of the connectors: `python -m tests.soak --rounds 1000 --seed 7`.

People work in a sandbox at random; a connector follows them by its cursors while one call in
ten fails, is killed in the middle, starts again, and writes in between. What it reported must
be what the sandbox's own log of changes has, and nothing else.
"""
