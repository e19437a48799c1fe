"""Floor 2: one verb from start to end; each returns a frozen report."""
