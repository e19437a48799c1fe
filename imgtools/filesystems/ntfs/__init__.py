"""NTFS, read through libfsntfs; written through ntfs-3g."""
