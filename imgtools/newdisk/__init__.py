"""What a new disk holds: the files that come from outside, its filesystems, and its table of partitions."""
