"""Which operating systems an image holds, and which volume is mounted where."""
