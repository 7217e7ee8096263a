"""Every refusal of the product has its words at every door."""

import pytest

from postpaid.api.chargebee import errors as chargebee
from postpaid.api.native.errors import PROBLEMS
from postpaid.domain.errors import Invalid

# What only this door refuses: it has no native words.
OF_THE_DOOR = {"invoice_empty", "not_supported", "time_machine_not_found", "usage_invoiced"}
# Chargebee's own, by status (chargebee_api_v2_pc_v2_spec).
CODES = {
    400: {
        "configuration_incompatible",
        "duplicate_entry",
        "invalid_request",
        "param_wrong_value",
        "resource_limit_exceeded",
    },
    401: {"api_authentication_failed"},
    403: {"api_authorization_failed"},
    404: {"resource_not_found"},
    405: {"http_method_not_supported"},
    409: {"invalid_state_for_request"},
    422: {"unable_to_process_request"},
    429: {"lock_timeout"},
    500: {"internal_error"},
    503: {"internal_temporary_error"},
}


def test_every_refusal_has_an_answer_at_the_chargebee_door() -> None:
    assert set(PROBLEMS) - set(chargebee.ANSWERS) == set()
    assert set(chargebee.ANSWERS) - set(PROBLEMS) == OF_THE_DOOR


@pytest.mark.parametrize("code", sorted(chargebee.ANSWERS))
def test_each_is_one_that_chargebee_has(code: str) -> None:
    status, kind, api_error_code = chargebee.ANSWERS[code]

    assert api_error_code in CODES[status]
    assert kind in {"invalid_request", "operation_failed", "untyped"}
    details = {"allow": ["POST"]} if code == "method_not_allowed" else {}
    response = chargebee.refusal(Invalid(code, "x", details=details), request_id="r")
    assert response.status == status
    assert response.body["api_error_code"] == api_error_code
