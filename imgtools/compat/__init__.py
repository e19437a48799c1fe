"""The names, options and output of guestfs-tools 1.48, for scripts that were written for them.

A module here is one of those programs, and its name is the program's without ``virt-`` (``win_reg.py`` is
virt-win-reg). It has ``OPTIONS``, all that the program takes, and ``run``, which takes the words as parsed and
returns the exit code. What the programs print on standard output is printed to the letter; what they say on standard
error is said in our words. Nothing outside this room and its command (``imgtools virt``) knows of it.
"""
