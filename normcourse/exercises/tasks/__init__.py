"""The tasks of the four exercises: one module per chapter."""
