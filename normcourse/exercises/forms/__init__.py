"""The truth of each task, term by term, in the ways that people write it: what mistakes are made from."""
