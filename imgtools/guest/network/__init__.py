"""How a Linux guest's network is configured: which program does it, and in which files."""
