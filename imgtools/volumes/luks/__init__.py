"""LUKS: volumes encrypted by dm-crypt, opened without it."""
