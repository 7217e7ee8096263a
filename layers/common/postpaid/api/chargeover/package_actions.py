"""What is done to packages: actions, each answered with a bare `true`."""

import hashlib
from datetime import datetime
from typing import Any

from postpaid.api.chargeover.bodies import Fields, Text, read_body, read_fields, read_new
from postpaid.api.chargeover.envelope import done
from postpaid.api.chargeover.package_lines import by_lines
from postpaid.api.chargeover.packages import (
    REFUSED,
    check_notes,
    check_paymethod,
    close_by,
    note,
    package_of,
    with_line_notes,
)
from postpaid.api.chargeover.paycycles import read_paycycle
from postpaid.api.chargeover.things import annotations, kept
from postpaid.api.chargeover.times import read_time
from postpaid.api.chargeover.upgrade_lines import upgrade_changes
from postpaid.api.desk import Desk
from postpaid.api.http import Request, Response
from postpaid.api.spelling import spelled
from postpaid.application.cancel_subscription import (
    NOW,
    CancelSubscription,
    cancel_subscription,
    uncancel_subscription,
)
from postpaid.application.change_closing import ChangeClosing
from postpaid.application.change_lines import ChangeLines, change_lines
from postpaid.application.change_schedule import ChangeCadence, change_cadence
from postpaid.application.edit_subscription import Request as ChangeRequest
from postpaid.application.suspend_subscription import (
    SuspendSubscription,
    resume_subscription,
    suspend_subscription,
)
from postpaid.domain.errors import Invalid
from postpaid.domain.instants import instant_text, zone
from postpaid.domain.line import LINES_MAX
from postpaid.domain.subscription import Subscription, SubscriptionState

_KEY_LENGTH_MAX = 255
_NO_MAIL = "nothing is sent by e-mail here"


class NothingToSay(Fields):
    """What an action is sent that takes nothing."""


class UpgradeBody(Fields):
    """Lines that are added, changed or cancelled."""

    line_items: list[Any]


class SuspendBody(Fields):
    """From when to when; left out, from now and without end."""

    suspendfrom_datetime: Text | None = None
    suspendto_datetime: Text | None = None


class HoldBody(Fields):
    """Until when no invoice comes; null lifts the hold."""

    holduntil_datetime: Text | None


class PaycycleBody(Fields):
    """How often invoices come, from the end of the running term on."""

    paycycle: Text


class PaymethodBody(Fields):
    """How a package is paid."""

    paymethod: Text


def upgrade(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:
    """Add, change and cancel lines, all or none."""
    package = package_of(desk, ids[0])
    body = read_fields(UpgradeBody, read_new(request))
    if not 1 <= len(body.line_items) <= LINES_MAX:
        raise Invalid("invalid_field", f"has 1 to {LINES_MAX} lines", field="line_items")
    asked = _asked(request)
    if (asked.digest, asked.content) in {(key, said) for key, said, _ in package.requests}:
        return done()
    changes, rows, notes, recurring = upgrade_changes(desk, package, body.line_items)

    def noted(there: Subscription) -> dict[str, Any]:
        return annotations(with_line_notes(kept(there), there, notes), there)

    check_notes(with_line_notes(kept(package), package, notes), package)
    if not changes:
        note(desk, package, lambda known: with_line_notes(known, package, notes))
    else:
        begins = _regular_from(package, desk.now) if recurring else None
        command = ChangeLines(
            subscription_id=package.id,
            changes=changes,
            effective=None if begins is None else instant_text(begins),
            annotate=noted,
        )
        with by_lines(rows), spelled({"effective": "line_items", "annotations": "line_items"}):
            change_lines(command, office=desk.office, request=asked)
    return done()


def cancel(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:
    """End a package at once; what was used is on its last invoice."""
    package = package_of(desk, ids[0])
    read_fields(NothingToSay, read_body(request))
    if package.state(desk.now) is SubscriptionState.ENDED:
        return done()
    command = CancelSubscription(subscription_id=package.id, at=NOW)
    cancel_subscription(command, office=desk.office, request=_asked(request))
    return done()


def uncancel(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:
    """Let a package go on whose end is set and has not come."""
    package = package_of(desk, ids[0])
    read_fields(NothingToSay, read_body(request))
    uncancel_subscription(package.id, office=desk.office, request=_asked(request))
    return done()


def suspend(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:
    """Suspend a package: meanwhile nothing is charged by time, and no usage is taken."""
    package = package_of(desk, ids[0])
    body = read_fields(SuspendBody, read_body(request))
    if not body.given() and package.state(desk.now) is SubscriptionState.SUSPENDED:
        return done()
    command = SuspendSubscription(
        subscription_id=package.id,
        since=_instant(desk, body.suspendfrom_datetime, "suspendfrom_datetime"),
        until=_instant(desk, body.suspendto_datetime, "suspendto_datetime"),
    )
    with spelled({"from": "suspendfrom_datetime", "to": "suspendto_datetime"}):
        suspend_subscription(command, office=desk.office, request=_asked(request))
    return done()


def unsuspend(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:
    """End the suspension that runs."""
    package = package_of(desk, ids[0])
    read_fields(NothingToSay, read_body(request))
    resume_subscription(package.id, None, office=desk.office, request=_asked(request))
    return done()


def hold(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:
    """Hold the invoices of a package back until a date; its terms stay as they are."""
    package = package_of(desk, ids[0])
    body = read_fields(HoldBody, read_new(request))
    until = _instant(desk, body.holduntil_datetime, "holduntil_datetime")
    close_by(desk, ChangeClosing(subscription_id=package.id, hold_until=until))
    return done()


def paycycle(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:
    """Change how often invoices come, from the end of the running term on."""
    package = package_of(desk, ids[0])
    body = read_fields(PaycycleBody, read_new(request))
    command = ChangeCadence(
        subscription_id=package.id, cadence=read_paycycle(body.paycycle, "paycycle")
    )
    with spelled({"unit": "paycycle"}):
        change_cadence(command, office=desk.office, request=_asked(request))
    return done()


def paymethod(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:
    """Take what is so already, an invoice that is sent; refuse all else."""
    package_of(desk, ids[0])
    body = read_fields(PaymethodBody, read_new(request), refused=REFUSED)
    check_paymethod(body.paymethod)
    return done()


def welcome(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """Refuse to send a greeting."""
    package_of(desk, ids[0])
    raise Invalid("not_supported", _NO_MAIL, field="welcome")


def _regular_from(package: Subscription, now: datetime) -> datetime | None:
    """Return where a hold ends that a package was made with; None if it has none any more.

    Until then nothing is charged in advance, so that what changes of that counts from there.
    """
    first = package.schedule.first
    return first.end if first is not None and now < first.end else None


def _instant(desk: Desk, text: str | None, field: str) -> str | None:
    if not text:
        return None
    return instant_text(read_time(text, zone(desk.site.timezone), field))


def _asked(request: Request) -> ChangeRequest:
    """Return by what a change is known if its request comes again, with its `Idempotency-Key`."""
    key = request.headers.get("idempotency-key", "")
    if not key:
        return ChangeRequest()
    if len(key) > _KEY_LENGTH_MAX:
        why = f"must have at most {_KEY_LENGTH_MAX} characters"
        raise Invalid("invalid_field", why, field="Idempotency-Key")
    content = "/".join(request.path).encode() + b"\n" + request.body
    return ChangeRequest(
        digest=hashlib.sha256(f"chargeover {key}".encode()).hexdigest()[:24],
        content=hashlib.sha256(content).hexdigest()[:24],
    )
