"""The changes of the tables, oldest first: 0001, 0002, ..."""
