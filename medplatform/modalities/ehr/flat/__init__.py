"""The typed tables of the common resource types, selected from their nested columns.

One SQL file per table; `needs` says which elements it reads, of R4 and R5 alike.
"""
