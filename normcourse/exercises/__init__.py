"""Tasks that name a learner's mistake: what the exercise notebooks import."""
