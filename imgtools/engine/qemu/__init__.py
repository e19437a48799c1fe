"""QEMU's programs: qemu-nbd, qemu-img, the storage daemon, and whether KVM works."""
