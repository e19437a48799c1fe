"""ext2, ext3 and ext4: read by us, written through libext2fs; nothing is mounted."""
