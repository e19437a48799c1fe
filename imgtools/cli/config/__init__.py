"""Read and set values of configuration files.

Augeas parses them: comments and layout stay.
"""

SECTION = "Change a guest"
OLD_NAMES = {"rm": "delete"}
