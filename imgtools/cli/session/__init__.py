"""What `imgtools shell` is made of: lines, the commands in it, and the terminal."""
