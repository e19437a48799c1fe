"""The packages of a Linux guest: its manager, and what is installed."""
