"""The frozen records that cross a floor. Read this folder first.

Units: sizes and offsets are bytes, times are nanoseconds since 1970 (UTC), unless a name says otherwise.
Guest paths are ``str``, absolute, with ``/``; bytes that are not UTF-8 are kept as surrogate escapes.
Host paths are :class:`pathlib.Path`. The two never mix.
"""
