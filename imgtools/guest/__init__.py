"""Floor 1: what we know about operating systems."""
