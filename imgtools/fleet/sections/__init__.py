"""The sections of a fleet's report, a module each: see :mod:`imgtools.fleet.part`."""
