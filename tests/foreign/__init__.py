"""Images of other projects, held against what the kernel, blkid and qemu-img say of them: `make foreign`."""
