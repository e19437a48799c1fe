"""btrfs, read without mounting."""
