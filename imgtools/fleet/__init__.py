"""Thousands of images: each is asked by some worker of a cluster, and the answers go into a database.

``run`` tells the story. A worker (:mod:`.plugin`) has a forker beside it (:mod:`.forker`), which has everything
imported and makes a process for each image (:mod:`.asking`). What is asked is one of :mod:`.kinds`. Only the client
writes into the database (:mod:`.store`). See docs/fleet.md and docs/decisions/fleet.md.
"""
