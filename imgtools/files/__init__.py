"""Floor 1: the files of a guest as one tree, and their paths."""
