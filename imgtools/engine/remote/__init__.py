"""Images on other machines, read only: each becomes a disk on a private unix socket, as our other servers' are.

:func:`imgtools.engine.remote.serve.serve_remote` is the door. Whatever talks to a server elsewhere is a process of its
own behind a fence with a network and nothing else (docs/remote.md, docs/decisions/remote-images.md).
"""
