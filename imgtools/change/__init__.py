"""Floor 1: what shall be different in a guest: changes, the plan they make, and what carries it out."""
