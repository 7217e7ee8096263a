"""Rating speed: a million usages into ten thousand invoices, by us, by DuckDB and by SQLite.

All three read one CSV file of usages and make the same invoice totals, exactly: usage of eight item
prices is added up by invoice and line, priced, rounded once a line half away from zero, and summed.
DuckDB computes on one thread in DECIMAL, SQLite in scaled integers. What is compared is CPU time in
one process, the best of several rounds; totals that differ end the run.

A close has its usages in memory already, as the store returned them, so that the row to compare is
ours from there with DuckDB's load and query; ours with the reading of the file stands beside it.
"""

import argparse
import csv
import random
import sqlite3
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from postpaid.domain.charge import Charge
from postpaid.domain.metering import Metered
from postpaid.domain.money import Money, total
from postpaid.domain.usage import Aggregation

CURRENCY = "USD"
QUANTITY_PLACES = 3
PRICE_PLACES = 4
CENTS_PLACES = 2
TARGET_DUCKDB = 1.5

PRICES: dict[str, dict[str, Any]] = {
    "seat": {"pricing_model": "flat_fee", "amount": "10"},
    "minute": {"pricing_model": "per_unit", "unit_amount": "0.05"},
    "byte": {"pricing_model": "per_unit", "unit_amount": "0.0017"},
    "call": {
        "pricing_model": "tiered",
        "tiers": [
            {"up_to": "5000", "unit_amount": "0.1"},
            {"up_to": "10000", "unit_amount": "0.08", "flat_amount": "5"},
            {"up_to": None, "unit_amount": "0.0555"},
        ],
    },
    "query": {
        "pricing_model": "tiered",
        "tiers": [
            {"up_to": "8000", "unit_amount": "0.0001"},
            {"up_to": None, "unit_amount": "0.0333", "flat_amount": "1.5"},
        ],
    },
    "message": {
        "pricing_model": "volume",
        "tiers": [
            {"up_to": "6000", "unit_amount": "0.1"},
            {"up_to": "12000", "unit_amount": "0.0725", "flat_amount": "2"},
            {"up_to": None, "unit_amount": "0.05"},
        ],
    },
    "report": {
        "pricing_model": "stairstep",
        "tiers": [
            {"up_to": "4000", "flat_amount": "20"},
            {"up_to": "12000", "flat_amount": "99.99"},
            {"up_to": None, "flat_amount": "250"},
        ],
    },
    "token": {"pricing_model": "package", "amount": "1.25", "package_size": "1000"},
}

# Invoice number → total in cents.
type Totals = dict[int, int]
# What an engine did: seconds to load, seconds to rate, what came out.
type Outcome = tuple[float, float, Totals]


def main() -> int:
    """Compare, print a table, and return 1 if ours is slower than it must be."""
    options = _options()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "usages.csv"
        write_usages(file, options.invoices, options.usages)
        best: dict[str, Outcome] = {}
        for _ in range(options.rounds):
            for name, engine in ENGINES.items():
                outcome = engine(file)
                if name not in best or sum(outcome[:2]) < sum(best[name][:2]):
                    best[name] = outcome
    expected = best["postpaid"][2]
    for name, (_, _, totals) in best.items():
        if totals != expected:
            print(f"{name} made other totals", file=sys.stderr)
            return 1
    return _report(best, options, sum(expected.values()))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Compare rating with DuckDB and SQLite.")
    parser.add_argument("--usages", type=int, default=1_000_000)
    parser.add_argument("--invoices", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


def write_usages(file: Path, invoices: int, usages: int) -> None:
    """Write `invoice,line,quantity`, an invoice's usages side by side as the store has them."""
    chance = random.Random(20261001)  # noqa: S311 - the same file every time
    lines = list(PRICES)
    with file.open("w", encoding="ascii") as out:
        for n in range(usages):
            thousandths = chance.randrange(1, 2_000_000)
            whole, part = divmod(thousandths, 1000)
            out.write(f"{n * invoices // usages},{chance.choice(lines)},{whole}.{part:03d}\n")


# --- ours ------------------------------------------------------------------------------------


def postpaid(file: Path) -> Outcome:
    """Rate with the domain: the same aggregation, charges and rounding as a close."""
    charges = {line: Charge.from_plain(plain) for line, plain in PRICES.items()}
    totals: Totals = {}
    rating = 0.0
    began = time.process_time()
    for invoice, usages in _read(file):
        given = time.process_time()
        totals[invoice] = _bill(charges, usages)
        rating += time.process_time() - given
    return time.process_time() - began - rating, rating, totals


def _read(file: Path) -> Iterator[tuple[int, Sequence[tuple[str, Decimal]]]]:
    with file.open(encoding="ascii", newline="") as source:
        number, usages = 0, list[tuple[str, Decimal]]()
        for invoice, line, quantity in csv.reader(source):
            if int(invoice) != number:
                yield number, usages
                number, usages = int(invoice), []
            usages.append((line, Decimal(quantity)))
        yield number, usages


def _bill(charges: Mapping[str, Charge], usages: Iterable[tuple[str, Decimal]]) -> int:
    lines: dict[str, list[Decimal]] = defaultdict(list)
    for line, quantity in usages:
        lines[line].append(quantity)
    rounded = []
    for line, quantities in lines.items():
        aggregated = Metered(tuple(quantities)).aggregate(Aggregation.SUM)
        rounded.append(Money.rounded(charges[line].price(aggregated).amount, CURRENCY))
    return total(rounded, CURRENCY).minor


# --- the same in SQL -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Dialect:
    """How exact numbers are written: as decimals, or as integers that count small parts.

    A *quantity* times a *price* is an *amount*; *packages* counts begun ones.
    """

    quantity: Callable[[str], str]
    price: Callable[[str], str]
    amount: Callable[[str], str]
    packages: Callable[[str], str]


def _scaled(places: int) -> Callable[[str], str]:
    return lambda number: str(int(Decimal(number).scaleb(places)))


def _decimal(places: int) -> Callable[[str], str]:
    return lambda number: f"{number}::DECIMAL(18, {places})"


_THOUSANDTHS = _scaled(QUANTITY_PLACES)
DUCKDB = Dialect(
    quantity=_decimal(QUANTITY_PLACES),
    price=_decimal(PRICE_PLACES),
    amount=_decimal(QUANTITY_PLACES + PRICE_PLACES),
    # Decimals divide into doubles; their thousandths are integers and do not.
    packages=lambda size: (
        f"((q * 1000)::BIGINT + {_THOUSANDTHS(size)} - 1) // {_THOUSANDTHS(size)}"
    ),
)
SQLITE = Dialect(
    quantity=_THOUSANDTHS,
    price=_scaled(PRICE_PLACES),
    amount=_scaled(QUANTITY_PLACES + PRICE_PLACES),
    packages=lambda size: f"((q + {_THOUSANDTHS(size)} - 1) / {_THOUSANDTHS(size)})",
)


def price_sql(dialect: Dialect) -> str:
    """Return an expression for the exact amount of a row with a `line` and a quantity `q`."""
    cases = (f"WHEN '{line}' THEN {_amount_sql(plain, dialect)}" for line, plain in PRICES.items())
    return f"CASE line {' '.join(cases)} END"


def _amount_sql(plain: Mapping[str, Any], dialect: Dialect) -> str:
    model = plain["pricing_model"]
    if model == "flat_fee":
        return dialect.amount(plain["amount"])
    if model == "per_unit":
        return f"q * {dialect.price(plain['unit_amount'])}"
    if model == "package":
        return f"{dialect.packages(plain['package_size'])} * {dialect.amount(plain['amount'])}"
    if model == "tiered":
        return " + ".join(_graduated(plain["tiers"], dialect))
    reached = []
    for tier in plain["tiers"]:
        bound = tier["up_to"]
        when = "ELSE" if bound is None else f"WHEN q <= {dialect.quantity(bound)} THEN"
        units = f"q * {dialect.price(tier.get('unit_amount', '0'))}"
        reached.append(f"{when} {units} + {dialect.amount(tier.get('flat_amount', '0'))}")
    return f"CASE {' '.join(reached)} END"


def _graduated(tiers: Sequence[Mapping[str, Any]], dialect: Dialect) -> Iterator[str]:
    lower = "0"
    for tier in tiers:
        below, unit = dialect.quantity(lower), dialect.price(tier["unit_amount"])
        upper = tier["up_to"]
        units = f"q - {below}"
        if upper is not None:
            held = dialect.quantity(str(Decimal(upper) - Decimal(lower)))
            units = f"CASE WHEN q <= {dialect.quantity(upper)} THEN {units} ELSE {held} END"
        part = f"({units}) * {unit} + {dialect.amount(tier.get('flat_amount', '0'))}"
        yield f"CASE WHEN q > {below} THEN {part} ELSE 0 END"
        lower = upper


def duckdb_one_thread(file: Path) -> Outcome:
    """Rate with DuckDB, in memory, on one thread."""
    began = time.process_time()
    with duckdb.connect(":memory:", config={"threads": 1}) as connection:
        connection.execute(
            "CREATE TABLE usage AS SELECT * FROM read_csv(?, header = false, columns = "
            "{'invoice': 'INTEGER', 'line': 'VARCHAR', 'quantity': 'DECIMAL(18, 3)'})",
            [str(file)],
        )
        loaded = time.process_time()
        lines = "SELECT invoice, line, sum(quantity)::DECIMAL(18, 3) AS q FROM usage GROUP BY ALL"
        rounded = f"round(({price_sql(DUCKDB)})::DECIMAL(38, 7), {CENTS_PLACES})"
        rows = connection.execute(
            f"SELECT invoice, sum({rounded}) FROM ({lines}) GROUP BY invoice"  # noqa: S608 - ours
        ).fetchall()
        totals = {invoice: int(amount.scaleb(CENTS_PLACES)) for invoice, amount in rows}
        return loaded - began, time.process_time() - loaded, totals


def sqlite(file: Path) -> Outcome:
    """Rate with SQLite, in memory, in integers."""
    began = time.process_time()
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("CREATE TABLE usage (invoice INTEGER, line TEXT, q INTEGER)")
    connection.execute("BEGIN")
    with file.open(encoding="ascii", newline="") as source:
        connection.executemany(
            "INSERT INTO usage VALUES (?, ?, ?)",
            ((row[0], row[1], row[2].replace(".", "")) for row in csv.reader(source)),
        )
    connection.execute("COMMIT")
    loaded = time.process_time()
    cent = 10 ** (QUANTITY_PLACES + PRICE_PLACES - CENTS_PLACES)
    lines = "SELECT invoice, line, sum(q) AS q FROM usage GROUP BY invoice, line"
    rounded = f"(2 * ({price_sql(SQLITE)}) + {cent}) / {2 * cent}"
    rows = connection.execute(
        f"SELECT invoice, sum({rounded}) FROM ({lines}) GROUP BY invoice"  # noqa: S608 - ours
    )
    totals = dict(rows.fetchall())
    connection.close()
    return loaded - began, time.process_time() - loaded, totals


ENGINES: dict[str, Callable[[Path], Outcome]] = {
    "postpaid": postpaid,
    "DuckDB": duckdb_one_thread,
    "SQLite": sqlite,
}


# --- the table -------------------------------------------------------------------------------


def _report(best: Mapping[str, Outcome], options: argparse.Namespace, cents: int) -> int:
    seconds = {name: outcome[:2] for name, outcome in best.items()}
    duck, lite = sum(seconds["DuckDB"]), sum(seconds["SQLite"])
    print(
        f"{options.usages:,} usages, {len(PRICES)} item prices, {options.invoices:,} invoices; "
        f"all make {cents / 100:,.2f} {CURRENCY}"
    )
    print("CPU seconds                  load    rate     all   x DuckDB  x SQLite")
    load, rate = seconds["postpaid"]
    rows = [
        ("postpaid, usages in memory", None, rate),
        ("postpaid, from the CSV file", load, rate),
        ("DuckDB, one thread, DECIMAL", *seconds["DuckDB"]),
        ("SQLite, integers", *seconds["SQLite"]),
    ]
    for name, reading, rating in rows:
        whole = (reading or 0) + rating
        shown = "       " if reading is None else f"{reading:7.2f}"
        print(
            f"{name:27}{shown} {rating:7.2f} {whole:7.2f} {whole / duck:10.2f} {whole / lite:9.2f}"
        )
    good = rate <= TARGET_DUCKDB * duck and rate < lite
    wanted = f"at most {TARGET_DUCKDB} x DuckDB with its load, and faster than SQLite"
    print(f"{'met' if good else 'MISSED'}: {wanted}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
