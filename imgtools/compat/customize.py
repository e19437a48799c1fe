"""virt-customize: change a guest by orders."""

from __future__ import annotations

from imgtools.compat.customizations import CUSTOMIZATIONS, orders_of, say_orders, say_passwords
from imgtools.compat.dispatch import report_warnings
from imgtools.compat.sources import KEYS, source, writing
from imgtools.compat.standard import STANDARD, no_more, one_guest, speaking
from imgtools.compat.words import Takes, Words, idle, refused, switch, valued
from imgtools.records.request import Target

OPTIONS = (
    valued("--add", "-a"),
    refused("--copy-in puts files of a disc into the guest", "--attach", takes=Takes.VALUE),
    refused("--copy-in puts files of a disc into the guest", "--attach-format", takes=Takes.VALUE),
    valued("--connect", "-c"),
    valued("--domain", "-d"),
    switch("--dry-run", "-n", "--dryrun"),
    valued("--format"),
    idle("the appliance has what it needs", "--memsize", "-m", takes=Takes.VALUE),
    idle("the appliance has what it needs", "--smp", takes=Takes.VALUE),
    *CUSTOMIZATIONS,
    *KEYS,
    *STANDARD,
)
SINGLE_DASH = True


def run(words: Words) -> int:
    """Carry the orders out, all in one transaction."""
    from imgtools.workflows.customize import customize

    no_more(words)
    one_guest(words)
    with speaking(words) as speaker:
        orders = orders_of(words, network=True)
        speaker.message("Examining the guest ...")
        does = not words.has("--dry-run")
        report = customize(writing(source(words, mounts=False)), Target(write=does), orders)
        say_orders(speaker, orders)
        if does:
            say_passwords(speaker, orders)
        report_warnings(words, report.warnings)
        speaker.message("Finishing off")
    return 0
