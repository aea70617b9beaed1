"""Files that somebody gives to the page, as a dataset: checked whole, and only then stored; whole or not at all.

`python -m flows.upload` is the program; the page runs it beside itself, as the page itself may only read the database.
"""
