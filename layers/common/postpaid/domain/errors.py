"""The errors callers can cause, each with a code that never changes.

BillingError
├── Malformed          the request cannot be read at all
├── Invalid            a field is missing, unknown or wrong
├── Unauthenticated    no key, or one that is not ours (any more)
├── Forbidden          the key lacks the scope
├── NotFound           the named thing is not on this site
├── Conflict           the thing is there, but not in a state or shape that allows this
└── LimitExceeded      a documented bound

Clients match `code`, never the text. Failures of the platform (throttling, timeouts) are not here:
see `postpaid.application.ports.Unavailable`.
"""

from collections.abc import Mapping
from typing import Any


class BillingError(Exception):
    """A refusal that the caller can understand and act on.

    *field* is the path of the offending input as the caller spelled it (`lines[0].quantity`);
    *details* are extra members for the answer, JSON-ready.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        field: str | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field
        self.details = dict(details or {})


class Malformed(BillingError):
    """The request is not readable: broken JSON, wrong media type, too large."""


class Invalid(BillingError):
    """A field is missing, unknown, or has a value that is never acceptable."""


class Unauthenticated(BillingError):
    """The caller showed no key, or one that is unknown, mistyped or revoked."""


class Forbidden(BillingError):
    """The key is good but lacks the scope of this route."""


class NotFound(BillingError):
    """The named thing does not exist on the caller's site."""


class Conflict(BillingError):
    """What is stored does not allow the request; *details* show the stored side."""


class LimitExceeded(BillingError):
    """A documented bound would be passed."""
