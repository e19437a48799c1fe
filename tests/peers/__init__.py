"""The programs of guestfs-tools beside ours: their recorded answers, and their own tests run through our names."""
