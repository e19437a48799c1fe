"""Floor 1: partitions and filesystems that grow, shrink and move."""
