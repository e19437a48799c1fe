"""What a user may name in the place of an image file: archives, packed files. Each kind is a module of this room.

:func:`imgtools.disk.sources.opening.opened_sources` is the door. It knows a kind by its content, never by its name, and
puts a disk before us as bytes in place (:class:`imgtools.records.image.Inside`), which headers/, nodes.py and all above
read like a file. What it has started, it ends.
"""
