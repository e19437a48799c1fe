"""Floor 0: readers and writers of filesystems, over a file with ``read_at``; they know nothing above."""
