"""The experiments of chapter 3: the statistics that serve after training."""
