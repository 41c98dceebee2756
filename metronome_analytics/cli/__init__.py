"""The command line: load, write, summarise, print. Nothing but `__main__` and tests imports it."""
