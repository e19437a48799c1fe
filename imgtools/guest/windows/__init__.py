"""Windows guests: the registry, drive letters, accounts, events."""
