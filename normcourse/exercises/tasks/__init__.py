"""The tasks of the exercises, one module per chapter, and what pages ask themselves."""
