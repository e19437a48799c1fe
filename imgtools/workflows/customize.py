"""Change a guest by orders: host name, keys, passwords, files, services. Planned first, done in one transaction."""

from __future__ import annotations

from collections.abc import Sequence

from imgtools.guest.guest import the_guest
from imgtools.ops.customize_plan import Named, plan_orders
from imgtools.ops.order_warnings import order_warnings
from imgtools.records.progress import Progress
from imgtools.records.request import ImageRequest, Target
from imgtools.workflows.writing import PlanReport, carry_out, open_for


def customize(
    request: ImageRequest, target: Target, wanted: Sequence[Named], *, progress: Progress | None = None
) -> PlanReport:
    """Plan what the orders ask for and, if ``target`` says so, do it.

    :raises UsageError: an order does not parse, or names a user that is not there.
    :raises UnsupportedGuest: an order is not for this guest.
    """
    with open_for(request, target) as image:
        guest = the_guest(image, request.root)
        changes = tuple(plan_orders(guest, wanted))
        warnings = tuple(order_warnings(guest, wanted))
        return carry_out(image, changes, guest, target, warnings=warnings, progress=progress)
