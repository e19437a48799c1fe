"""What a fleet can be asked, a module each: see :mod:`imgtools.fleet.kind`."""
