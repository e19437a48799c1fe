"""Ask thousands of images, on one host or many, into a database.

A run asks what is new or has changed since the run before, and writes each answer as it comes.
"""

SECTION = "Look after images"
