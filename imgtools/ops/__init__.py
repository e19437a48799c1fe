"""Floor 1: the shelves of operations and checks."""
