"""Drawings of where a norm sits and of what it pools: no measurements."""
