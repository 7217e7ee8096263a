"""Who calls: Basic with both keys, or signature version 1. On the recording path."""

from dataclasses import dataclass
from datetime import datetime

from postpaid.api.chargeover.signature import read_signed
from postpaid.api.http import Request, basic_pair
from postpaid.application.authenticate import ApiKeys, Secrets, authenticate_pair
from postpaid.application.authenticate_signed import Nonces, authenticate_signed
from postpaid.domain.api_key import ApiKey, KeyScope


@dataclass(frozen=True, slots=True, kw_only=True)
class Doorkeeper:
    """What a process knows callers by; *base_url* is what clients may have been told, or empty."""

    api_keys: ApiKeys
    secrets: Secrets
    nonces: Nonces
    base_url: str

    def admit(self, request: Request, needed: KeyScope | None, now: datetime) -> ApiKey:
        """Return the caller's key, if it is good and has the scope, if any; *now* is the real time.

        Raises `Unauthenticated` or `Forbidden`.
        """
        signed = read_signed(request, self.base_url)
        if signed is None:
            return authenticate_pair(
                basic_pair(request.headers), needed, api_keys=self.api_keys, secrets=self.secrets
            )
        return authenticate_signed(
            signed,
            needed,
            api_keys=self.api_keys,
            secrets=self.secrets,
            nonces=self.nonces,
            now=now,
        )
