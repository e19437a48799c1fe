"""Floor 0: what lies between a disk and a filesystem: partition tables, LVM, BitLocker, and what a volume holds."""
