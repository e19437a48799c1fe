"""Floor 0: libguestfs, qemu, libyal, hivex, augeas and the other programs, and nothing else."""
