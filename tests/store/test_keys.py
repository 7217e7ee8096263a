"""The keys as functions: no id reaches into another key, and everything of a site stays with it."""

import itertools
from base64 import urlsafe_b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from math import ceil
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from postpaid.domain.identifiers import ID_LENGTH_MAX, check_id
from postpaid.domain.instants import instant_text
from postpaid.domain.site import Scope
from postpaid.domain.subscription import USAGE_SHARDS_MAX
from postpaid.domain.usage import UsageKey
from postpaid.store import keys
from postpaid.store.tables import Key
from tests.support.laws import instants
from tests.support.samples import NOVEMBER, OCTOBER, SCOPE, at

ENTITIES = ("customer", "item_family", "item", "item_price", "subscription", "invoice")
# Ids that would reach into another key, or come back as another id, if they were not escaped.
HOSTILE = [
    *("a", "b", "ab", "A", "0", "1", "#", "~", "%", "##", "%%", "~~", "#~%", "a#b", "a#", "#a"),
    *(
        "a~1",
        "a~1#b",
        "%23",
        "%7E",
        "%7e",
        "%25",
        "%2523",
        "%2",
        "%",
        "%a#",
        "a%23b",
        "a b",
        "a  b",
    ),
    *(
        "a#b#c",
        "a#0",
        "META",
        "V#00000001",
        "TERM#2026-10-01T00:00:00Z",
        "SUB#a",
        "site",
        "COUNTER",
    ),
    *("2026-10-01T00:00:00Z", "2026-10-01T00:00:00Z#a", "!", '"', "\\", "{}", "+", "=", "-", "_"),
    *("%C3%A9", "%FF", "%00", "%20", "a&b", "x" * ID_LENGTH_MAX, "#" * ID_LENGTH_MAX),
]
IDS = sorted(set(HOSTILE))
SCOPES = [Scope("a"), Scope("a", 2), Scope("a", 11), Scope("a1"), Scope("ab"), Scope("site")]
INSTANTS = [OCTOBER.start, OCTOBER.start + timedelta(seconds=1), OCTOBER.end]

ids = st.sampled_from(IDS) | st.text(
    [chr(code) for code in range(0x21, 0x7F) if chr(code) != "/"], min_size=1, max_size=8
).filter(lambda text: text not in {".", ".."})
usages = st.builds(UsageKey, ids, instants, ids, st.none() | ids)
shards = st.integers(1, USAGE_SHARDS_MAX)


def _billing_keys(scope: Scope) -> list[Key]:
    """Return every key of the billing table that a site with these hostile ids would have."""
    found = [
        keys.site(scope.site),
        keys.travel(scope),
        *(keys.counter(scope, kind) for kind in ENTITIES),
        *(
            keys.numbered(scope, kind, number)
            for kind in (*ENTITIES, "line")
            for number in (1, 10, 361, 2**31 - 1)
        ),
        *(keys.series_counter(scope, each) for each in ("main", *IDS)),
        *(
            keys.series_number(scope, each, serial)
            for each in ("main", *IDS)
            for serial in (1, 10, 9_999_999_999)
        ),
        *(keys.entity(scope, kind, each) for kind in ENTITIES for each in IDS),
        *(keys.price_version(scope, each, version) for each in IDS for version in (1, 10)),
        *(keys.term(scope, each, start) for each in IDS for start in INSTANTS),
        *(keys.customer_subscription(scope, *pair) for pair in itertools.product(IDS, IDS)),
        *(keys.payment(scope, *pair) for pair in itertools.product(IDS, IDS)),
        *(keys.reply(scope, digest) for digest in ("0" * 64, "f" * 64)),
        *(keys.customer_tally(scope, each) for each in IDS),
        *(keys.customer_credit(scope, each, "USD") for each in IDS),
    ]
    return [*found, *(keys.site_api_key(scope.site, key_id) for key_id in ("k1", "k2"))]


def _of_system() -> list[Key]:
    return [
        *(keys.api_key(key_id) for key_id in ("k1", "k2")),
        *(keys.clock(scope) for scope in SCOPES),
        *(keys.dispatch(clock) for clock in ("live", *map(keys.scope_text, SCOPES))),
    ]


def test_the_hostile_ids_are_ids() -> None:
    assert [check_id(each, "id") for each in IDS] == IDS
    assert len(IDS) > 50


def test_no_two_things_share_a_key() -> None:
    found = _of_system()
    seen_sites = set()
    for scope in SCOPES:
        of_site = _billing_keys(scope)
        if scope.site in seen_sites:  # the site itself and its catalogue are of all generations
            shared = (f"{scope.site}#", f"{scope.site}~1#")
            assert scope.generation > 1
            of_site = [key for key in of_site if not key.pk.startswith(shared)]
        seen_sites.add(scope.site)
        found += of_site

    assert len(found) > 15_000
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("shards", [1, USAGE_SHARDS_MAX])
def test_no_two_usages_share_a_key(shards: int) -> None:
    few = ["a", "b", "ab", "#", "~", "%", "a#b", "a#", "#a", "%23", "%2523", "a%23b", "%7E", "0"]
    found = [
        keys.usage_key(scope, UsageKey(subscription, instant, line, event), shards)
        for scope in SCOPES[:2]
        for subscription, instant, line in itertools.product(few, INSTANTS[:2], few)
        for event in (None, *few)
    ]

    # What goes with usages lies beside them.
    odd = [*few, "~external", "~count", "external", "count"]
    for scope in SCOPES[:2]:
        found += [keys.external_id(scope, each) for each in odd]
        found += [keys.usage_count(scope, each) for each in odd]

    assert len(found) > 10_000
    assert len(set(found)) == len(found)


@given(ids, ids)
@example("~external", "META")
@example("~count", "0")
def test_no_usage_is_in_the_partition_of_what_goes_with_usages(one: str, other: str) -> None:
    beside = {keys.external_id(SCOPE, one).pk, keys.usage_count(SCOPE, one).pk}

    assert len(beside) == 2
    assert keys.usage_pk(SCOPE, other, 0) not in beside


@given(ids, ids)
@example("#", "%23")
@example("%23", "%2523")
@example("~", "%7E")
def test_escaping_keeps_ids_apart(one: str, other: str) -> None:
    assert (keys.escape(one) == keys.escape(other)) == (one == other)
    assert not {"#", "~"} & set(keys.escape(one))


@given(usages, usages, shards, shards)
@example(UsageKey("s", OCTOBER.start, "a", "b"), UsageKey("s", OCTOBER.start, "a#b"), 1, 1)
@example(UsageKey("s", OCTOBER.start, "a", "b"), UsageKey("s", OCTOBER.start, "a%23b"), 1, 1)
@example(UsageKey("s", OCTOBER.start, "a"), UsageKey("s", OCTOBER.start, "a", "a"), 1, 1)
@example(UsageKey("s", OCTOBER.start, "a"), UsageKey("s#1", OCTOBER.start, "a"), 16, 1)
def test_the_key_of_a_usage_is_its_identity(
    one: UsageKey, other: UsageKey, of_one: int, of_other: int
) -> None:
    if one.subscription_id == other.subscription_id:
        of_other = of_one  # a subscription has as many as it was made with
    same = keys.usage_key(SCOPE, one, of_one) == keys.usage_key(SCOPE, other, of_other)

    assert same == (one == other)


# --- half-open ranges


@pytest.mark.parametrize("event", [None, "!", "#", "~", "zzz"])
@pytest.mark.parametrize("line", IDS, ids=lambda line: line[:30])
def test_a_usage_at_the_start_is_inside_and_one_at_the_end_is_not(
    line: str, event: str | None
) -> None:
    first, last = instant_text(OCTOBER.start), instant_text(OCTOBER.end)
    second = timedelta(seconds=1)
    cases = [
        (OCTOBER.start - second, False),
        (OCTOBER.start, True),
        (OCTOBER.end - second, True),
        (OCTOBER.end, False),
        (OCTOBER.end + second, False),
    ]

    for instant, inside in cases:
        sk = keys.usage_sk(UsageKey("sub", instant, line, event))
        assert (first <= sk <= last) == inside
        # DynamoDB compares bytes, Python characters: for ASCII that is the same.
        assert (first.encode() <= sk.encode("ascii") <= last.encode()) == inside


@given(usages)
def test_a_usage_is_in_exactly_one_of_two_adjacent_terms(usage: UsageKey) -> None:
    sk = keys.usage_sk(usage)
    bounds = [datetime.min.replace(year=1999, tzinfo=usage.at.tzinfo), usage.at, NOVEMBER.end]
    terms = list(itertools.pairwise(sorted({*bounds, OCTOBER.start, OCTOBER.end})))

    holding = [
        (start, end) for start, end in terms if instant_text(start) <= sk <= instant_text(end)
    ]

    assert holding == [(start, end) for start, end in terms if start <= usage.at < end]


# --- there and back


@given(usages)
def test_a_usage_is_read_back_from_its_place_and_its_id(usage: UsageKey) -> None:
    text = keys.usage_id(usage)

    assert keys.usage_from_sk(usage.subscription_id, keys.usage_sk(usage)) == usage
    assert keys.usage_from_id(usage.subscription_id, text) == usage
    assert text.isascii()
    assert text.replace("-", "").replace("_", "").isalnum()


@pytest.mark.parametrize("kind", ENTITIES)
@pytest.mark.parametrize("each", IDS, ids=lambda each: each[:30])
def test_an_id_is_read_back_from_the_key_of_its_thing(kind: str, each: str) -> None:
    pk = keys.entity(SCOPE, kind, each).pk

    for sk in (keys.META, "TERM#2026-10-01T00:00:00Z", "V#00000001"):
        assert keys.identifier(Key(pk, sk)) == each
    assert keys.identifier(keys.term(SCOPE, each, OCTOBER.start)) == each


def _coded(place: str) -> str:
    return urlsafe_b64encode(place.encode()).decode().rstrip("=")


GOOD = _coded("2026-10-05T00:00:00Z#minutes#call-1")

# No id of a usage, for one reason each.
FOREIGN = [
    *(
        "",
        " ",
        "A",
        "AAAA",
        "minutes",
        "2026-10-05",
        "\u00e9",
        "\ud800",
        "\x00",
        "....",
        "%41",
        "{}",
    ),
    *(
        f"{GOOD}=",
        f"{GOOD}==",
        f"={GOOD}",
        f" {GOOD}",
        f"{GOOD} ",
        f"{GOOD}\n",
        f"{GOOD}!",
        GOOD * 2,
    ),
    *(GOOD[1:], GOOD[:-1], GOOD.swapcase(), GOOD[::-1]),
    *map(
        _coded,
        [
            "",
            "#",
            "##",
            "2026-10-05T00:00:00Z",
            "2026-10-05T00:00:00Z#",
            "2026-10-05T00:00:00Z##call-1",
            "2026-10-05T00:00:00Z#minutes#call-1#more",
            "2026-10-05T00:00:00Z#minutes#call-1#",
            "2026-10-05#minutes",
            "2026-10-5T00:00:00Z#minutes",
            "2026-10-05T0:00:00Z#minutes",
            "2026-10-05 00:00:00Z#minutes",
            "2026-10-05t00:00:00z#minutes",
            "2026-10-05T00:00:00+00:00#minutes",
            "2026-10-05T00:00:00.0Z#minutes",
            "2026-10-05T00:00:60Z#minutes",
            "2026-10-05T24:00:00Z#minutes",
            "2026-02-30T00:00:00Z#minutes",
            "02026-10-05T00:00:00Z#minutes",
            "0001-01-01T00:00:00Z#minutes",
            "2026-10-05T00:00:00Z #minutes",
            " 2026-10-05T00:00:00Z#minutes",
            "2026-10-05T00:00:00Z#%41",
            "2026-10-05T00:00:00Z#%6dinutes",
            "2026-10-05T00:00:00Z#a%7eb",
            "2026-10-05T00:00:00Z#a~b",
            "2026-10-05T00:00:00Z#a%",
            "2026-10-05T00:00:00Z#%C3%A9",
            "2026-10-05T00:00:00Z#%FF",
            "2026-10-05T00:00:00Z#minutes#%41",
            "2026-10-05T00:00:00Z#\u00e9",
            "\u0662026-10-05T00:00:00Z#minutes",
            "TERM#2026-10-01T00:00:00Z",
            "META",
        ],
    ),
]


def _usage_of(text: str) -> UsageKey | None:
    try:
        return keys.usage_from_id("sub", text)
    except ValueError:
        return None


def test_the_good_id_is_one() -> None:
    assert _usage_of(GOOD) == UsageKey("sub", at("2026-10-05"), "minutes", "call-1")


@pytest.mark.parametrize("text", FOREIGN, ids=lambda text: ascii(text)[:60])
def test_what_is_no_id_of_a_usage_is_refused(text: str) -> None:
    assert _usage_of(text) is None


@pytest.mark.parametrize(
    "place",
    [
        "2026-10-05T00:00:00Z",
        "2026-10-05T00:00:00Z##call-1",
        "2026-10-05T00:00:00Z#minutes#call-1#more",
        "TERM#2026-10-01T00:00:00Z",
        "META",
        "",
    ],
)
def test_what_is_no_place_of_a_usage_is_not_read(place: str) -> None:
    with pytest.raises(ValueError, match=r".|^$"):
        keys.usage_from_sk("sub", place)


@given(usages, st.data())
def test_an_altered_id_is_refused_or_names_another_usage(
    usage: UsageKey, data: st.DataObject
) -> None:
    text = keys.usage_id(usage)
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(
        st.sampled_from("AQgwz059-_+/=% \u00e9").filter(lambda each: each != text[place])
    )
    altered = text[:place] + other + text[place + 1 :]

    found = _usage_of(altered)

    assert found is None or found != usage
    assert found is None or keys.usage_id(found) == altered


@given(st.text(max_size=80))
def test_reading_an_id_of_a_usage_fails_in_one_way_only(text: str) -> None:
    found = _usage_of(text)

    assert found is None or keys.usage_id(found) == text


@given(usages, usages)
def test_the_integer_of_a_usage_fits_a_double_and_is_its_own(
    one: UsageKey, other: UsageKey
) -> None:
    numbers = [keys.usage_number(SCOPE, usage) for usage in (one, other)]

    assert all(0 <= number < 2**53 for number in numbers)
    assert (numbers[0] == numbers[1]) == (one == other)
    assert numbers[0] != keys.usage_number(Scope("bcme"), one)


def test_integers_of_usages_use_their_53_bits() -> None:
    numbers = [
        keys.usage_number(SCOPE, UsageKey("sub", OCTOBER.start + timedelta(seconds=n), "minutes"))
        for n in range(2_000)
    ]

    assert len(set(numbers)) == len(numbers)
    assert max(numbers) > 2**52
    # Ids are shown to clients, who keep them.
    assert numbers[0] == 1_314_527_123_053_805


# --- shards


@given(usages, shards)
def test_a_usage_is_where_a_range_that_holds_its_date_looks(usage: UsageKey, shards: int) -> None:
    key = keys.usage_key(SCOPE, usage, shards)
    slot = keys.usage_slot(usage.at, shards)

    assert slot in keys.usage_slots(shards)
    assert key == (keys.usage_pk(SCOPE, usage.subscription_id, slot), keys.usage_sk(usage))


@given(usages, usages, shards)
def test_all_that_has_one_date_is_in_one_shard(
    usage: UsageKey, other: UsageKey, shards: int
) -> None:
    local = usage.at.astimezone(ZoneInfo("Asia/Tokyo"))
    twin = UsageKey(usage.subscription_id, local, other.line_id, other.event_id)

    assert keys.usage_key(SCOPE, twin, shards).pk == keys.usage_key(SCOPE, usage, shards).pk


@given(usages)
def test_a_subscription_that_is_not_spread_has_its_usages_in_the_first_shard(
    usage: UsageKey,
) -> None:
    assert keys.usage_key(SCOPE, usage, 1).pk == keys.usage_pk(SCOPE, usage.subscription_id, 0)


def test_shards_of_dates_never_change() -> None:
    def slots(step: timedelta, shards: int) -> list[int]:
        return [keys.usage_slot(OCTOBER.start + n * step, shards) for n in range(8)]

    # Where a usage lies is stored: another spread would lose it.
    assert slots(timedelta(days=1), 16) == [0, 1, 2, 3, 4, 5, 6, 7]
    assert slots(timedelta(days=1), 7) == [0, 1, 2, 5, 6, 0, 1, 2]
    assert slots(timedelta(seconds=1), 16) == [0, 12, 1, 7, 14, 5, 15, 0]


def _most(instants: list[datetime], shards: int) -> tuple[int, int]:
    """Return how many of some dates are in the shard that has the fewest and the most."""
    slots = [keys.usage_slot(instant, shards) for instant in instants]
    counts = [slots.count(slot) for slot in keys.usage_slots(shards)]
    return min(counts), max(counts)


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kolkata"])
@pytest.mark.parametrize("shards", range(1, USAGE_SHARDS_MAX + 1))
def test_thirty_one_days_are_dealt_out(shards: int, zone: str) -> None:
    """Two more than an even share at most: where a run of days is cut, and where clocks change."""
    place = ZoneInfo(zone)
    for month in range(36):
        first = datetime(2026 + month // 12, 1 + month % 12, 1, tzinfo=place)
        days = [(first + timedelta(days=n)).astimezone(UTC) for n in range(31)]
        assert _most(days, shards)[1] <= ceil(31 / shards) + 2


@pytest.mark.parametrize("step", [1, 7, 60], ids=lambda step: f"{step} s apart")
@pytest.mark.parametrize("shards", range(1, USAGE_SHARDS_MAX + 1))
def test_ten_thousand_events_are_spread_within_a_seventh_of_an_even_share(
    shards: int, step: int
) -> None:
    events = [OCTOBER.start + timedelta(seconds=n * step) for n in range(10_000)]
    even = 10_000 / shards

    fewest, most = _most(events, shards)

    assert most <= even * 8 / 7
    assert fewest >= even * 6 / 7


@pytest.mark.parametrize("shards", [7, 14])
def test_what_is_dated_weekly_does_not_meet_in_one_shard(shards: int) -> None:
    weeks = [OCTOBER.start + timedelta(weeks=n) for n in range(52)]

    assert _most(weeks, shards)[1] <= 2 * 52 / shards


# --- sizes and order

LONGEST_SITE = Scope("s" * 40, 10**9)
LONGEST_ID = "#" * ID_LENGTH_MAX


def _longest() -> list[Key]:
    usage = UsageKey(LONGEST_ID, OCTOBER.start, LONGEST_ID, LONGEST_ID)
    month = keys.listing(LONGEST_SITE, "subscription", LONGEST_ID, OCTOBER.start)
    hour = keys.due(keys.scope_text(LONGEST_SITE), LONGEST_ID, OCTOBER.start, OCTOBER.start)
    return [
        keys.usage_key(LONGEST_SITE, usage, USAGE_SHARDS_MAX),
        keys.external_id(LONGEST_SITE, LONGEST_ID),
        keys.usage_count(LONGEST_SITE, LONGEST_ID),
        *(keys.entity(LONGEST_SITE, kind, LONGEST_ID) for kind in ENTITIES),
        keys.term(LONGEST_SITE, LONGEST_ID, OCTOBER.start),
        keys.price_version(LONGEST_SITE, LONGEST_ID, 99_999_999),
        keys.customer_subscription(LONGEST_SITE, LONGEST_ID, LONGEST_ID),
        keys.customer_tally(LONGEST_SITE, LONGEST_ID),
        keys.payment(LONGEST_SITE, LONGEST_ID, LONGEST_ID),
        keys.clock(LONGEST_SITE),
        keys.dispatch(keys.scope_text(LONGEST_SITE)),
        Key(str(month["lpk"]), str(month["lsk"])),
        Key(str(hour["dpk"]), str(hour["dsk"])),
    ]


@pytest.mark.parametrize("key", _longest(), ids=lambda key: key.sk[:30])
def test_the_longest_ids_fit_dynamodbs_keys(key: Key) -> None:
    assert 1 <= len(key.pk.encode()) <= 2_048
    assert 1 <= len(key.sk.encode()) <= 1_024


@given(instants, instants, ids, ids)
def test_keys_are_in_the_order_of_time(
    one: datetime, other: datetime, line: str, event: str
) -> None:
    before, after = sorted((one, other))
    if before < after:
        assert keys.term(SCOPE, line, before).sk < keys.term(SCOPE, line, after).sk
        assert keys.usage_sk(UsageKey("s", before, line, event)) < keys.usage_sk(
            UsageKey("s", after, event)
        )
        first = keys.listing(SCOPE, "item", line, before)
        assert str(first["lsk"]) < str(keys.listing(SCOPE, "item", event, after)["lsk"])


def test_versions_and_serials_are_in_the_order_of_numbers() -> None:
    versions = [keys.price_version(SCOPE, "p", n).sk for n in (1, 2, 9, 10, 100, 99_999_999)]
    serials = [keys.series_number(SCOPE, "main", n).sk for n in (1, 2, 9, 10, 9_999_999_999)]

    assert versions == sorted(versions)
    assert serials == sorted(serials)


# --- what is due


@given(instants, instants, ids)
def test_what_is_due_never_goes_into_an_hour_that_is_past(
    due_at: datetime, now: datetime, pk: str
) -> None:
    found = keys.due(keys.LIVE, pk, due_at, now)
    _, clock, hour, shard = str(found["dpk"]).split("#")

    assert clock == keys.LIVE
    assert hour == instant_text(max(due_at, now))[:13]
    assert hour >= instant_text(now)[:13]
    assert found["dsk"] == instant_text(due_at)
    assert 0 <= int(shard) < keys.DUE_SHARDS
    assert found["dpk"] == keys.due_pk(keys.LIVE, max(due_at, now), int(shard))


@pytest.mark.parametrize("shards", [1, 4, keys.DUE_SHARDS])
def test_shards_are_spread_evenly_and_never_change(shards: int) -> None:
    found = [keys.shard(f"sub-{n}", shards) for n in range(3_200)]

    assert set(found) == set(range(shards))
    assert max(found.count(each) for each in range(shards)) < 1.3 * 3_200 / shards
    # Where an item lies is stored: another spread would lose it.
    assert [keys.shard(f"sub-{n}", 16) for n in range(6)] == [14, 13, 2, 5, 11, 11]


@given(ids, instants)
def test_a_thing_is_listed_in_the_month_it_was_created(each: str, created: datetime) -> None:
    found = keys.listing(SCOPE, "customer", each, created)
    shard = int(str(found["lpk"]).rsplit("#", 1)[1])

    assert 0 <= shard < keys.LIST_SHARDS
    assert found["lpk"] == keys.listing_pk(SCOPE, "customer", f"{created:%Y-%m}", shard)
    assert found["lsk"] == f"{instant_text(created)}#{each}"


# --- everything of a site starts with it


@pytest.mark.parametrize("scope", SCOPES, ids=keys.scope_text)
def test_everything_of_a_site_starts_with_the_site(scope: Scope) -> None:
    usage = UsageKey("#", OCTOBER.start, "#", "#")
    beside = [keys.external_id(scope, "#"), keys.usage_count(scope, "#")]
    usages = [keys.usage_key(scope, usage, 1), *beside]
    partitions = {key.pk for key in [*_billing_keys(scope), *usages]}
    partitions.add(str(keys.listing(scope, "customer", "#", OCTOBER.start)["lpk"]))
    own = (f"{scope.site}~{scope.generation}#", f"{scope.site}#site")
    kinds = ("item", "item_price", "item_family")
    catalog = [f"{scope.site}~1#{kind}#" for kind in kinds]
    catalog += [f"{scope.site}~1#counter#{kind}" for kind in kinds]
    catalog += [f"{scope.site}~1#number#{kind}#" for kind in kinds]

    partitions -= {pk for pk in partitions if pk.startswith(tuple(catalog))}
    assert [pk for pk in partitions if not pk.startswith(own)] == []
    for other in SCOPES:
        prefix = f"{keys.scope_text(other)}#"
        assert other == scope or not any(pk.startswith(prefix) for pk in partitions)


EXCEPTIONS: dict[str, Callable[[], str]] = {
    "an API key, read before its site is known": lambda: keys.api_key("k1").pk,
    "the due index, read for all sites": lambda: keys.due_pk(keys.LIVE, OCTOBER.start, 0),
    "the clocks, the dispatcher's own": lambda: keys.clock(SCOPE).pk,
    "the dispatcher's place": lambda: keys.dispatch(keys.LIVE).pk,
}


@pytest.mark.parametrize("name", EXCEPTIONS)
def test_what_belongs_to_no_site_cannot_be_taken_for_a_sites(name: str) -> None:
    # A site's id begins with a lower-case letter and holds letters, digits and hyphens.
    owner = EXCEPTIONS[name]().split("#")[0]

    assert owner in {"KEY", "due", keys.SYSTEM}
    assert owner != "due" or keys.site("due").pk == "due#site"


def test_the_layout_is_what_the_page_says() -> None:
    scope = Scope("acme", 3)
    usage = UsageKey("a#1", at("2026-10-05"), "m~1", "50%")

    assert (keys.SCHEMA, keys.LIVE, keys.DUE_SHARDS, keys.LIST_SHARDS) == (1, "live", 16, 4)
    assert keys.usage_pk(scope, "a#1", 15) == "acme~3#a%231#f"
    assert keys.usage_key(scope, usage, 1) == (
        "acme~3#a%231#0",
        "2026-10-05T00:00:00Z#m%7E1#50%25",
    )
    assert keys.external_id(scope, "x#1") == ("acme~3#~external#x%231", "META")
    assert keys.usage_count(scope, "a#1") == ("acme~3#~count#a%231", "META")
    assert keys.site("acme") == ("acme#site", "META")
    assert keys.site_api_key("acme", "k1") == ("acme#site", "KEY#k1")
    assert keys.api_key("k1") == ("KEY#k1", "META")
    assert keys.clock(scope) == ("~system#clocks", "acme~3")
    assert keys.dispatch("live") == ("~system#dispatch#live", "META")
    assert keys.travel(scope) == ("acme~3#travel", "META")
    assert keys.counter(scope, "customer") == ("acme~3#counter#customer", "META")
    assert keys.counter(scope, "item") == ("acme~1#counter#item", "META")
    assert keys.numbered(scope, "customer", 361) == ("acme~3#number#customer#361", "META")
    assert keys.numbered(scope, "line", 361) == ("acme~3#number#line#361", "META")
    assert keys.numbered(scope, "item_price", 361) == ("acme~1#number#item_price#361", "META")
    assert keys.entity(scope, "item", "a#1") == ("acme~1#item#a%231", "META")
    assert keys.entity(scope, "item_family", "f") == ("acme~1#item_family#f", "META")
    assert keys.entity(scope, "customer", "a#1") == ("acme~3#customer#a%231", "META")
    assert keys.price_version(scope, "p", 1) == ("acme~1#item_price#p", "V#00000001")
    assert keys.term(scope, "s", OCTOBER.start) == (
        "acme~3#subscription#s",
        "TERM#2026-10-01T00:00:00Z",
    )
    assert keys.customer_subscription(scope, "c", "s#1") == ("acme~3#customer#c", "SUB#s%231")
    assert keys.customer_tally(scope, "c#1") == ("acme~3#customer#c%231", "TALLY")
    assert keys.payment(scope, "inv_a", "p#1") == ("acme~3#invoice#inv_a", "PAY#p%231")
    assert keys.series_counter(scope, "main") == ("acme~3#series#main", "COUNTER")
    assert keys.series_number(scope, "main", 1) == ("acme~3#series#main", "NO#0000000001")
    assert keys.series_counter(scope, "e#u") == ("acme~3#series#e%23u", "COUNTER")
    assert keys.listing_pk(scope, "item", "2026-10", 3) == "acme~1#item#2026-10#3"
    assert keys.listing_pk(scope, "invoice", "2026-10", 3) == "acme~3#invoice#2026-10#3"
    assert keys.due_pk("acme~3", at("2026-10-05T08:30"), 15) == "due#acme~3#2026-10-05T08#15"
