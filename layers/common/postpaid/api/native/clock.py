"""The clock of a test site: it is looked at, moved on, and begins anew."""

from typing import Any

from postpaid.api.desk import Desk
from postpaid.api.http import Request, Response
from postpaid.api.json_body import read_json_object
from postpaid.api.native.lists import check_query
from postpaid.api.native.models import Body, read
from postpaid.application.start_afresh import start_afresh
from postpaid.application.travel_forward import machine_of, travel_forward
from postpaid.application.watch_clock import watch_clock
from postpaid.domain.errors import Conflict
from postpaid.domain.instants import instant_text, parse_moment, zone
from postpaid.domain.time_machine import TimeMachine, TravelStatus


class AdvanceBody(Body):
    """`POST /v1/test-clock/advance`."""

    to: str


class AfreshBody(Body):
    """`POST /v1/test-clock/start-afresh`."""

    at: str | None = None


def get_clock(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """Show the clock, after working on the travel that is in progress."""
    check_query(request, set())
    machine = watch_clock(desk.site, travels=desk.travels, hands=desk.hands, now=desk.now)
    return Response(200, native_from_machine(machine))


def post_advance(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """Move a test site's clock on: 200 when it is there, 202 with how far it came in time.

    Who asks for another instant while it is on its way is obeyed.
    """
    body = read(AdvanceBody, read_json_object(request.body, request.headers))
    machine = travel_forward(
        desk.site,
        parse_moment(body.to, zone(desk.site.timezone), "to"),
        run=desk.new_run(),
        travels=desk.travels,
        hands=desk.hands,
        now=desk.now,
        instead=True,
    )
    if machine.status is TravelStatus.FAILED:
        raise Conflict(
            "travel_failed",
            f"what is due at {instant_text(machine.now)} or later cannot be done: {machine.reason}",
        )
    done = machine.status is TravelStatus.SUCCEEDED
    return Response(200 if done else 202, {"now": instant_text(machine.now), "done": done})


def post_afresh(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """Have a test site start afresh, and show its clock."""
    plain = read_json_object(request.body, request.headers) if request.body.strip() else {}
    body = read(AfreshBody, plain)
    at = None if body.at is None else parse_moment(body.at, zone(desk.site.timezone), "at")
    site = start_afresh(desk.site, at, sites=desk.all_sites, now=desk.now)
    return Response(200, native_from_machine(machine_of(site, None, site.began)))


def native_from_machine(machine: TimeMachine) -> dict[str, Any]:
    """Show a clock."""
    destination = machine.destination
    return {
        "now": instant_text(machine.now),
        "genesis": instant_text(machine.genesis),
        "destination": None if destination is None else instant_text(destination),
        "status": machine.status.value,
        "reason": machine.reason,
    }
