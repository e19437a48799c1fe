"""ISO 9660, read without mounting."""
