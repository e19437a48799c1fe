"""Settings of a guest that people ask for: language, keyboard, time zone, variables."""
