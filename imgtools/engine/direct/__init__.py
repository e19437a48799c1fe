"""The engine that boots nothing: qemu-nbd and libnbd below, filesystem readers above."""
