"""What tells one machine from another: collected from a guest, and looked for in what was made of it."""
