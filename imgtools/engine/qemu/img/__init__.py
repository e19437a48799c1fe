"""qemu-img: every command of it, with explicit nodes, named errors, limits and progress.

``running`` says how the program runs, ``commands`` has a function for each command, ``mapping`` streams the map of an
image. How an image is given to it: :mod:`imgtools.engine.qemu.nodes`.
"""
