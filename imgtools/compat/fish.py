"""What virt-copy-in, virt-copy-out, virt-tar-in and virt-tar-out take of guestfish's options."""

from __future__ import annotations

from imgtools.compat.sources import KEYS, MOUNT, NAMING, SPEAKING
from imgtools.compat.words import Takes, idle, refused

ALONE = "this program does one thing; imgtools shell, where there is one, or several calls do more"
OPTIONS = (
    *NAMING,
    *KEYS,
    MOUNT,
    idle("the program itself says whether it writes", "--ro", "-r"),
    idle("the program itself says whether it writes", "--rw", "-w"),
    idle("the guest is looked for unless -m is given", "--inspector", "-i"),
    idle("no progress bar is shown", "--progress-bars"),
    idle("no progress bar is shown", "--no-progress-bars"),
    idle("what was written is always synced", "--no-sync", "-n"),
    idle("labels are kept without it", "--selinux"),
    refused(ALONE, "--cmd-help", "-h", takes=Takes.MAYBE),
    refused(ALONE, "--csh"),
    refused(ALONE, "--file", "-f", takes=Takes.VALUE),
    refused(ALONE, "--listen"),
    refused(ALONE, "--remote", takes=Takes.MAYBE),
    refused(ALONE, "--no-dest-paths", "-D"),
    refused(ALONE, "--pipe-error"),
    refused("guests that run are not looked into", "--live"),
    refused("imgtools create makes an image", "--new", "-N", takes=Takes.VALUE),
    refused("nothing here needs a network in the appliance", "--network"),
    *SPEAKING,
)
