"""What a Linux guest starts by itself, and turning that on and off."""
