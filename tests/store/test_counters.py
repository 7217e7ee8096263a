"""Integer ids: reserved in blocks, never given twice."""

from concurrent.futures import ThreadPoolExecutor

from postpaid.domain.site import Scope
from postpaid.store import keys
from postpaid.store.counters import BLOCK, StoredIds
from postpaid.store.tables import Table
from tests.support.samples import SCOPE


def test_ids_count_from_one(billing: Table) -> None:
    ids = StoredIds(billing, SCOPE, {})

    assert [ids.number("customer") for _ in range(45)] == list(range(1, 46))


def test_a_block_is_reserved_at_once_and_outlives_the_request(billing: Table) -> None:
    blocks: dict[str, list[int]] = {}
    for _ in range(BLOCK):
        StoredIds(billing, SCOPE, blocks).number("customer")

    counter = billing.get(keys.counter(SCOPE, "customer"))
    assert counter is not None
    assert counter["last"] == BLOCK


def test_a_process_that_ends_leaves_a_gap(billing: Table) -> None:
    assert StoredIds(billing, SCOPE, {}).number("customer") == 1
    assert StoredIds(billing, SCOPE, {}).number("customer") == 1 + BLOCK


def test_kinds_and_sites_count_for_themselves(billing: Table) -> None:
    blocks: dict[str, list[int]] = {}
    ids = StoredIds(billing, SCOPE, blocks)
    others = StoredIds(billing, Scope("acme", 2), blocks)

    kinds = [(ids, "customer"), (ids, "line"), (others, "line"), (ids, "line")]

    assert [each.number(kind) for each, kind in kinds] == [1, 1, 1, 2]


def test_the_catalogue_is_counted_once_for_all_generations_of_a_site(billing: Table) -> None:
    blocks: dict[str, list[int]] = {}
    ids = [StoredIds(billing, Scope("acme", generation), blocks) for generation in (1, 2, 3)]

    assert [each.number("item") for each in ids] == [1, 2, 3]
    assert [each.number("item_price") for each in ids] == [1, 2, 3]


def test_no_id_is_given_twice_to_processes_at_once(billing: Table) -> None:
    def take(_: int) -> list[int]:
        ids = StoredIds(billing, SCOPE, {})
        return [ids.number("invoice") for _ in range(50)]

    with ThreadPoolExecutor(max_workers=8) as threads:
        given = [number for numbers in threads.map(take, range(8)) for number in numbers]

    assert len(set(given)) == len(given) == 400
