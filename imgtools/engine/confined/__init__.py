"""The one place that starts processes, each behind a fence: who parses a guest's bytes can do little else.

``kinds`` is the table of what each kind of program may use, ``fence`` what one of them may touch, ``landlock``,
``seccomp``, ``credentials`` and ``bubblewrap`` are how the kernel is told, ``start`` starts a program, ``keeper`` one
that ends when we do, and ``worker`` is a copy of ourselves that works with a C library. docs/security.md has it all.
"""
