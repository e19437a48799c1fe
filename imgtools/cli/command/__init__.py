"""How a command declares what it takes."""
