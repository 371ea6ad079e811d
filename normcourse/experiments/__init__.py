"""The course's training runs: each module holds a ``Config``, a ``run`` and a ``Result``.

Runs train all their seeds together and return plain NumPy arrays, one row per seed. Each chapter has a folder
of them, and ``engine`` holds what they share.
"""
