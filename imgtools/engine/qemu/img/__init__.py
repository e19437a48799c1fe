"""qemu-img: every command of it, with explicit nodes, named errors, limits and progress.

``nodes`` says how an image is given, ``running`` how the program runs, ``commands`` has a function for each
command, ``mapping`` streams the map of an image.
"""

from __future__ import annotations

from imgtools.engine.qemu.img.commands import Facts, info
from imgtools.engine.qemu.img.nodes import Node, chain_node, join_options, layer_options, single_node

__all__ = ["Facts", "Node", "chain_node", "info", "join_options", "layer_options", "single_node"]
