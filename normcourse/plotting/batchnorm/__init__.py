"""The figures of chapter 2."""
