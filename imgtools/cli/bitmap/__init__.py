"""Persistent dirty bitmaps of qcow2 images: list, add, remove, clear, enable, disable, merge."""
