"""The customize shelf: what a user asks to be set in a guest."""
