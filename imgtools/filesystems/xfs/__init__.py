"""XFS, read without mounting."""
