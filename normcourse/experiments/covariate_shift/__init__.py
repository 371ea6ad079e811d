"""The experiments of chapter 1: inputs that move, before a network and inside it."""
