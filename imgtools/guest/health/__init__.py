"""What a Linux needs to start and to let people in: whether it is there, whole, and such that programs take it."""
