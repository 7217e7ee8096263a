"""Usage writes of the ChargeOver door, at their plain path."""

from postpaid.api.chargeover.recording import record, record_many
from postpaid.api.http import Request, Response, Route
from postpaid.assembly.recorder import Recorder
from postpaid.domain.api_key import KeyScope


def _record(recorder: Recorder, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    return record(recorder, request)


def _record_many(recorder: Recorder, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    return record_many(recorder, request)


ROUTES = (
    Route("POST", "api/v3/usage", KeyScope.USAGE_WRITE, _record),
    # What the gateway brings here is `POST /usage?action=bulk`.
    Route("POST", "api/v3/usage/_action/bulk", KeyScope.USAGE_WRITE, _record_many),
)
