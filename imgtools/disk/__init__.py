"""Floor 1: disk images as files of the host: formats, headers, backing chains, and work on them as a whole."""
