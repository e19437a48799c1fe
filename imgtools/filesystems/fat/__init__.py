"""FAT12, FAT16 and FAT32, read without mounting; written through mtools."""
