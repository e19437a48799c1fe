"""The commands of a session that are not commands of the program: the plan, and where one is."""
