"""The door for Python programs: what ``import imgtools`` offers. See docs/python.md.

The functions take host paths and the words of the command line, call one workflow, and return its report. They print
nothing, ask nobody, and raise the errors of :mod:`imgtools.errors`.
"""

import logging

# What is logged is the program's to show. Without a handler Python prints warnings on stderr.
logging.getLogger("imgtools").addHandler(logging.NullHandler())
