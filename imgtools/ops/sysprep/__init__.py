"""The sysprep shelf: what must not be the same in two clones."""
