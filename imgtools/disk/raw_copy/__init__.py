"""Copies of raw images that imgtools makes itself, and the room that is taken for them."""
