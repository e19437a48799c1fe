"""What workflows have found, as documents that people and other programs read."""
