"""Read the registry of a Windows guest."""
