"""The hub's memory: tables, migrations, and the few functions that read and write them."""
