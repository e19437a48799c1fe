"""Persistent bitmaps of qcow2, which record what is written.

For incremental backups: list, add, clear, enable, disable, merge, delete.
"""

SECTION = "Look after images"
OLD_NAMES = {"remove": "delete"}
