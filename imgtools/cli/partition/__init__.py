"""Partitions of a disk, without booting.

GPT and MBR: list them with what is free, add, remove, and change size, type, name, GUID and flags.
"""

SECTION = "Look after images"
