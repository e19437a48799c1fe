"""Floor 1: the doors to an image, its files, and the changes to them."""
