"""imgtools: read, change, repair and clone the disks of virtual machines that are switched off."""

__version__ = "0.1.0"
