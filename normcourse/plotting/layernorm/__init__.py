"""The figures of chapter 4."""
