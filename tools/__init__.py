"""Programs for people who work on imgtools; none of them is installed with it."""
