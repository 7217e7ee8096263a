"""The clock of a test site: it is looked at, begins anew, and travels."""

import json

from postpaid.api.chargebee.errors import refusal
from postpaid.api.chargebee.forms import read_form
from postpaid.api.chargebee.lists import Resource
from postpaid.api.chargebee.params import Params, Stamp, read
from postpaid.api.chargebee.things import seconds, without_none
from postpaid.api.desk import Desk
from postpaid.api.http import Request, Response
from postpaid.api.spelling import spelled
from postpaid.application.start_afresh import start_afresh
from postpaid.application.travel_forward import machine_of, travel_forward
from postpaid.application.watch_clock import watch_clock
from postpaid.domain.errors import Conflict, Invalid, NotFound
from postpaid.domain.instants import instant_text
from postpaid.domain.time_machine import TimeMachine, TravelStatus

# The only one that Chargebee has.
NAME = "delorean"


class AfreshParams(Params):
    """`POST /time_machines/{name}/start_afresh`."""

    genesis_time: Stamp | None = None


class TravelParams(Params):
    """`POST /time_machines/{name}/travel_forward`."""

    destination_time: Stamp | None = None


def retrieve(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:
    """Show the clock, after working on the travel that is in progress.

    So a client that asks until it is there gets there. A live site's is `not_enabled`.
    """
    _check_name(ids[0])
    for name in request.query:
        raise Invalid("unknown_field", "is not a parameter here", field=name[:100])
    return _answer(watch_clock(desk.site, travels=desk.travels, hands=desk.hands, now=desk.now))


def afresh(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:
    """Have a test site start afresh: empty but for its catalogue, settings and keys."""
    _check_name(ids[0])
    params = read(AfreshParams, read_form(request.body, request.headers))
    with spelled({"at": "genesis_time"}):
        site = start_afresh(desk.site, params.genesis_time, sites=desk.all_sites, now=desk.now)
    return _answer(machine_of(site, None, site.began))


def forward(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:
    """Have a test site's clock travel; what takes longer than a request goes on as it is watched.

    Without a destination it travels to the real present.
    """
    _check_name(ids[0])
    params = read(TravelParams, read_form(request.body, request.headers))
    with spelled({"to": "destination_time"}):
        machine = travel_forward(
            desk.site,
            params.destination_time or desk.real_now(),
            run=desk.new_run(),
            travels=desk.travels,
            hands=desk.hands,
            now=desk.now,
        )
    return _answer(machine)


def _check_name(name: str) -> None:
    if name != NAME:
        raise NotFound("time_machine_not_found", f"there is one time machine, '{NAME}'")


def _answer(machine: TimeMachine) -> Response:
    return Response(200, {"time_machine": chargebee_from_machine(machine)})


def chargebee_from_machine(machine: TimeMachine) -> Resource:
    """Show a clock. One that has not travelled is where it began."""
    failed = machine.status is TravelStatus.FAILED
    return without_none(
        {
            "name": NAME,
            "time_travel_status": machine.status.value,
            "genesis_time": seconds(machine.genesis),
            "destination_time": seconds(machine.destination or machine.genesis),
            "failure_code": "travel_failed" if failed else None,
            "failure_reason": machine.reason if failed else None,
            "error_json": _error_json(machine) if failed else None,
            "object": "time_machine",
        }
    )


def _error_json(machine: TimeMachine) -> str:
    """Return what the SDKs raise if they wait for a travel that fails."""
    why = f"what is due at {instant_text(machine.now)} or later cannot be done: {machine.reason}"
    response = refusal(Conflict("travel_failed", why), request_id="")
    return json.dumps(response.body | {"http_code": response.status})
