"""How a command speaks: text, JSON, tables, pictures, progress."""
