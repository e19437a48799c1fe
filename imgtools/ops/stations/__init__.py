"""The stations from power-on to login: what stops a machine there, and which repair mends it."""
