"""Every key and index of the two tables.

A *scope* is `<site>~<generation>`; everything of a site starts with it. The catalogue is the site's
in all its generations: its *home* is the scope of the first. Ids are escaped, so that no
id can reach into another key (`#`, `~` and `%` become `%23`, `%7E`, `%25`). Instants are
fixed-width UTC, `YYYY-MM-DDTHH:MM:SSZ`, so text order is time order. Two keys do not start with the
site, because they are read before it is known: API keys and the due index.

Usage table (no index, no stream)
    one usage            pk scope#sub#slot           sk date#line[#event]; the slot is 0, or what
                                                     the date says if the subscription has shards
    a term's usage       the same pk per slot        sk BETWEEN start AND end: exactly half-open, as
                                                     every sk continues after the date with a `#`
    who has an ext. id   pk scope#~external#id       sk META      (no subscription's id begins with
    count of usages      pk scope#~count#sub         sk META       a `~` here: it is escaped)
    nonce of a request   pk scope#~nonce#digest      sk META
Billing table
    site                 pk site#site                sk META
    keys of a site       pk site#site                sk KEY#id
    API key              pk KEY#id                   sk META                   (exception 1)
    clocks of test sites pk ~system#clocks           sk scope, as the site began
    all sites            pk ~system#sites            sk scope, as the site began
    dispatcher's place   pk ~system#dispatch#clock   sk META
    travel of its clock  pk scope#travel             sk META
    answer for a key     pk scope#reply#digest       sk META (of method, path, client's key)
    integer ids          pk scope#counter#type       sk META       (of the catalogue: pk home#…)
    what has an integer  pk scope#number#type#361    sk META       (the same)
    customer             pk scope#customer#id        sk META
    item, item family    pk home#type#id             sk META
    item price           pk home#item_price#id       sk META (newest), V#00000001 (each version)
    subscription         pk scope#subscription#id    sk META
    its terms            the same pk                 sk TERM#start instant
    later manifests      the same pk                 sk MAN#start instant#000001
    of a customer        pk scope#customer#id        sk SUB#subscription
    a customer's tally   pk scope#customer#id        sk TALLY     (subscriptions begun; the end)
    a customer's credit  pk scope#customer#id        sk CREDIT#currency
    invoice              pk scope#invoice#id         sk META
    its payments         the same pk                 sk PAY#id
    its one-time charges the same pk                 sk CHG#id
    invoice numbers      pk scope#series#id          sk COUNTER, NO#0000000001 (who has it)
    index `due`          dpk due#clock#hour#shard    dsk due instant           (exception 2)
    index `list`         lpk scope#type#month#shard  lsk created instant#id  (catalogue: home#…)

"""

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import date, datetime
from urllib.parse import unquote

from postpaid.domain.instants import instant_from_text, instant_text
from postpaid.domain.site import Scope
from postpaid.domain.usage import UsageKey
from postpaid.store.tables import Item, Key

SCHEMA = 1  # of every item, in its attribute `s`
META = "META"
SYSTEM = "~system"  # no site can be called so
DUE_SHARDS = 16
LIST_SHARDS = 4
LIVE = "live"
# What is sold stays with the site when it starts afresh.
CATALOG = frozenset({"item_family", "item", "item_price"})
FIRST_GENERATION = 1

_ESCAPES = str.maketrans({"#": "%23", "~": "%7E", "%": "%25"})


def escape(identifier: str) -> str:
    """Escape an id for use in a key; injective, and never yields `#` or `~`."""
    return identifier.translate(_ESCAPES)


def scope_text(scope: Scope) -> str:
    """Return the prefix of everything a site owns in its present generation."""
    return f"{scope.site}~{scope.generation}"


def home(scope: Scope, kind: str) -> str:
    """Return the prefix of a kind of thing: its scope, or for the catalogue that of the first."""
    return scope_text(Scope(scope.site, FIRST_GENERATION) if kind in CATALOG else scope)


# --- usage table


def usage_slot(at: datetime, shards: int) -> int:
    """Return in which of a subscription's shards the usages of a date are. It never changes.

    A run of as many days is dealt out, at any time of day one to each slot, for there are too few
    of them to be spread evenly by chance; at which slot it begins, a digest says.
    """
    if shards == 1:
        return 0
    text = instant_text(at)
    day = date.fromisoformat(text[:10]).toordinal()
    return (day + shard(f"{day // shards}{text[10:]}", shards)) % shards


def usage_slots(shards: int) -> range:
    """Return the slots that a range of dates can be in."""
    return range(shards)


def usage_pk(scope: Scope, subscription_id: str, slot: int) -> str:
    """Return a partition of a subscription's usages; one digit, so that all keys are as long."""
    return f"{scope_text(scope)}#{escape(subscription_id)}#{slot:x}"


def usage_sk(key: UsageKey) -> str:
    """Return the place of a usage in its partition."""
    event = "" if key.event_id is None else f"#{escape(key.event_id)}"
    return f"{instant_text(key.at)}#{escape(key.line_id)}{event}"


def usage_key(scope: Scope, key: UsageKey, shards: int) -> Key:
    """Return the primary key of a usage of a subscription with so many shards."""
    return Key(usage_pk(scope, key.subscription_id, usage_slot(key.at, shards)), usage_sk(key))


def usage_from_sk(subscription_id: str, sk: str) -> UsageKey:
    """Read a usage's identity back from its place; raises `ValueError` if it is none."""
    date, line, *event = sk.split("#")
    if len(event) > 1 or not line:
        raise ValueError(sk)
    return UsageKey(
        subscription_id,
        instant_from_text(date),
        unquote(line),
        unquote(event[0]) if event else None,
    )


def usage_id(key: UsageKey) -> str:
    """Return the public id of a usage within its subscription: its place, made URL-safe."""
    return urlsafe_b64encode(usage_sk(key).encode("ascii")).decode().rstrip("=")


def usage_from_id(subscription_id: str, text: str) -> UsageKey:
    """Read a usage's identity back from its public id; raises `ValueError` if it is none."""
    padded = text + "=" * (-len(text) % 4)
    key = usage_from_sk(subscription_id, urlsafe_b64decode(padded.encode("ascii")).decode("ascii"))
    if usage_id(key) != text:
        raise ValueError(text)
    return key


def external_id(scope: Scope, text: str) -> Key:
    """Return the key of the register's entry of an external id: which usage it names."""
    return Key(f"{scope_text(scope)}#~external#{escape(text)}", META)


def usage_count(scope: Scope, subscription_id: str) -> Key:
    """Return the key of the count of a subscription's usages, where it has a maximum."""
    return Key(f"{scope_text(scope)}#~count#{escape(subscription_id)}", META)


def nonce(scope: Scope, digest: str) -> Key:
    """Return the key of the note that a nonce was used; *digest* is of it, its key and its time."""
    return Key(f"{scope_text(scope)}#~nonce#{digest}", META)


def usage_number(scope: Scope, key: UsageKey) -> int:
    """Return the integer id of a usage, 53 bits of a digest of its identity: no counter is needed.

    As if there were one shard: which of them a usage is in is no part of what it is.
    """
    digest = hashlib.sha256("#".join(usage_key(scope, key, 1)).encode()).digest()
    return int.from_bytes(digest[:7]) >> 3


# --- billing table


def site(site_id: str) -> Key:
    """Return the key of a site."""
    return Key(f"{site_id}#site", META)


def site_api_key(site_id: str, key_id: str) -> Key:
    """Return the key of a site's note of one of its API keys."""
    return Key(f"{site_id}#site", f"KEY#{key_id}")


def site_secret(site_id: str) -> Key:
    """Return the key of the secret that a site's pairs of keys are derived from."""
    return Key(f"{site_id}#site", "SECRET")


def api_key(key_id: str) -> Key:
    """Return the key under which an API key is looked up."""
    return Key(f"KEY#{key_id}", META)


def clock(scope: Scope) -> Key:
    """Return the key that announces a test site's own clock to the dispatcher."""
    return Key(f"{SYSTEM}#clocks", scope_text(scope))


def site_note(scope: Scope) -> Key:
    """Return the key that says there is a site, for what goes through all of them."""
    return Key(f"{SYSTEM}#sites", scope_text(scope))


def dispatch(clock_name: str) -> Key:
    """Return the key of the dispatcher's place on a clock."""
    return Key(f"{SYSTEM}#dispatch#{clock_name}", META)


def travel(scope: Scope) -> Key:
    """Return the key of what is noted of the last travel of a test site's clock."""
    return Key(f"{scope_text(scope)}#travel", META)


def counter(scope: Scope, kind: str) -> Key:
    """Return the key of a counter of integer ids."""
    return Key(f"{home(scope, kind)}#counter#{kind}", META)


def numbered(scope: Scope, kind: str, number: int) -> Key:
    """Return the key of the register's entry of an integer id: which thing of a kind has it."""
    return Key(f"{home(scope, kind)}#number#{kind}#{number}", META)


def reply(scope: Scope, digest: str) -> Key:
    """Return the key of the claim on a client's own key, and of the answer stored for it."""
    return Key(f"{scope_text(scope)}#reply#{digest}", META)


def entity(scope: Scope, kind: str, identifier: str) -> Key:
    """Return the key of a customer, item family, item, item price, subscription or invoice."""
    return Key(f"{home(scope, kind)}#{kind}#{escape(identifier)}", META)


def price_version(scope: Scope, price_id: str, version: int) -> Key:
    """Return the key of one version of an item price."""
    return Key(entity(scope, "item_price", price_id).pk, f"V#{version:08d}")


def term(scope: Scope, subscription_id: str, start: datetime) -> Key:
    """Return the key of a term."""
    return Key(entity(scope, "subscription", subscription_id).pk, f"TERM#{instant_text(start)}")


def manifest(scope: Scope, subscription_id: str, start: datetime, k: int) -> Key:
    """Return the key of a term's k-th manifest; the first, k = 0, is on the term itself."""
    pk = entity(scope, "subscription", subscription_id).pk
    return Key(pk, f"MAN#{instant_text(start)}#{k:06d}")


def customer_subscription(scope: Scope, customer_id: str, subscription_id: str) -> Key:
    """Return the key of a customer's note of one of its subscriptions."""
    return Key(entity(scope, "customer", customer_id).pk, f"SUB#{escape(subscription_id)}")


def customer_tally(scope: Scope, customer_id: str) -> Key:
    """Return the key of the count of a customer's subscriptions, and of whether it is deleted."""
    return Key(entity(scope, "customer", customer_id).pk, "TALLY")


def customer_credit(scope: Scope, customer_id: str, currency: str) -> Key:
    """Return the key of a customer's credit balance in a currency."""
    return Key(entity(scope, "customer", customer_id).pk, f"CREDIT#{currency}")


def one_time_charge(scope: Scope, invoice_id: str, charge_id: str) -> Key:
    """Return the key of a one-time charge of an invoice."""
    return Key(entity(scope, "invoice", invoice_id).pk, f"CHG#{escape(charge_id)}")


def payment(scope: Scope, invoice_id: str, payment_id: str) -> Key:
    """Return the key of a payment of an invoice."""
    return Key(entity(scope, "invoice", invoice_id).pk, f"PAY#{escape(payment_id)}")


def series_counter(scope: Scope, series: str) -> Key:
    """Return the key of a series' next invoice number."""
    return Key(f"{scope_text(scope)}#series#{escape(series)}", "COUNTER")


def series_number(scope: Scope, series: str, serial: int) -> Key:
    """Return the key that says which invoice has a number."""
    return Key(f"{scope_text(scope)}#series#{escape(series)}", f"NO#{serial:010d}")


# --- indexes


def shard(text: str, shards: int) -> int:
    """Spread texts evenly over shards; the same text always falls into the same one."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4]) % shards


def due_shards(clock_name: str) -> int:
    """Return over how many partitions an hour of a clock is spread: a test site's is small."""
    return DUE_SHARDS if clock_name == LIVE else 1


def due_pk(clock_name: str, hour: datetime, shard_no: int) -> str:
    """Return the partition of what is due in an hour of a clock."""
    return f"due#{clock_name}#{instant_text(hour)[:13]}#{shard_no}"


def due(clock_name: str, pk: str, due_at: datetime, now: datetime) -> Item:
    """Return the index attributes of an item that is due.

    What is overdue already goes into the present hour, so that nothing is ever added to an hour
    the dispatcher has passed.
    """
    bucket = max(due_at, now)
    return {
        "dpk": due_pk(clock_name, bucket, shard(pk, due_shards(clock_name))),
        "dsk": instant_text(due_at),
    }


def listing_pk(scope: Scope, kind: str, month: str, shard_no: int) -> str:
    """Return the partition of what was created in a month, `YYYY-MM`."""
    return f"{home(scope, kind)}#{kind}#{month}#{shard_no}"


def listing(scope: Scope, kind: str, identifier: str, created_at: datetime) -> Item:
    """Return the index attributes of an item that lists show."""
    place = listing_place(identifier, created_at)
    return {
        "lpk": listing_pk(scope, kind, place[:7], shard(identifier, LIST_SHARDS)),
        "lsk": place,
    }


def listing_place(identifier: str, created_at: datetime) -> str:
    """Return the place of a thing in the list of its kind, which begins with its month."""
    return f"{instant_text(created_at)}#{identifier}"


def identifier(key: Key) -> str:
    """Read the id back from the key of an entity, whatever the sort key."""
    return unquote(key.pk.rsplit("#", 1)[1])
