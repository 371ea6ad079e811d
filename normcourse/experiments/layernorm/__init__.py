"""The experiments of chapter 4: norms over sequences and in transformers."""
