"""The experiments of chapter 2: what BatchNorm changes in training, and by how much."""
