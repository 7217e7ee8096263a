"""Nonces of signed requests: each is used once while its time lasts, by whoever is first."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Barrier

import pytest

from postpaid.application.authenticate_signed import UsedNonce
from postpaid.domain.site import Scope
from postpaid.store import keys
from postpaid.store.nonces import StoredNonces
from postpaid.store.tables import Table
from postpaid.store.usage import item_from_usage
from tests.support.capacity import item_size
from tests.support.samples import SCOPE, a_usage, at

NOW = at("2026-10-05T12:00")
SECOND = timedelta(seconds=1)


def a_nonce(run: str = "one", **changes: object) -> UsedNonce:
    nonce = UsedNonce(scope=SCOPE, digest="d" * 32, run=run, until=NOW + timedelta(minutes=15))
    return replace(nonce, **changes)  # type: ignore[arg-type]


@pytest.fixture
def nonces(usages: Table) -> StoredNonces:
    """None was used."""
    return StoredNonces(usages)


def test_a_nonce_is_used_once(nonces: StoredNonces) -> None:
    assert nonces.use(a_nonce(), NOW)

    assert not nonces.use(a_nonce("two"), NOW)
    assert nonces.use(a_nonce(), NOW), "the SDK's repeat of the same put is no second use"


def test_who_has_no_name_of_its_own_repeats_nothing(nonces: StoredNonces) -> None:
    assert nonces.use(a_nonce(""), NOW)

    assert not nonces.use(a_nonce(""), NOW)


def test_another_nonce_and_another_site_are_free(nonces: StoredNonces) -> None:
    nonces.use(a_nonce(), NOW)

    assert nonces.use(a_nonce("two", digest="e" * 32), NOW)
    for scope in (Scope("acme", 2), Scope("acm"), Scope("acme-2")):
        assert nonces.use(a_nonce("two", scope=scope), NOW)


@pytest.mark.parametrize(
    ("now", "is_free"),
    [
        (NOW, False),
        (NOW + timedelta(minutes=15), False),
        (NOW + timedelta(minutes=15, seconds=1), True),
    ],
)
def test_it_is_remembered_until_its_time_is_over(
    nonces: StoredNonces, now: datetime, is_free: bool
) -> None:
    nonces.use(a_nonce(), NOW)

    assert nonces.use(a_nonce("two", until=now + SECOND), now) == is_free


def test_of_many_at_once_one_uses_it(nonces: StoredNonces) -> None:
    barrier = Barrier(8)

    def use(number: int) -> bool:
        barrier.wait()
        return nonces.use(a_nonce(f"run {number}"), NOW)

    with ThreadPoolExecutor(8) as pool:
        used = Counter(pool.map(use, range(8)))

    assert used == {True: 1, False: 7}


def test_the_note_costs_one_unit_and_removes_itself(usages: Table, nonces: StoredNonces) -> None:
    nonces.use(a_nonce("r" * 40), NOW)

    item = usages.get(keys.nonce(SCOPE, "d" * 32))
    assert item is not None
    assert item["expires"] == int(a_nonce().until.timestamp())
    assert item_size(item) <= 1024


def test_no_usage_has_what_removes_a_note() -> None:
    whole = a_usage(note="n", request="r", external_id="x", deleted=True, deletion="d")

    assert "expires" not in item_from_usage(keys.usage_key(SCOPE, whole.key, 1), whole)
