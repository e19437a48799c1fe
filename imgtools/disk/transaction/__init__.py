"""A change of disk images as a transaction: overlays, the marker of its commit, locks, recovery."""
