"""The accounts of a Linux guest, their passwords and rights."""
