"""The same invoice totals, made exactly by DuckDB in decimals and by SQLite in scaled integers."""

import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import IO, Any

import duckdb

from benchmarks.workload import CENTS_PLACES, PRICE_PLACES, PRICES, QUANTITY_PLACES, Row

ROWS_WRITTEN_AT_ONCE = 10_000
_LINES_IN_SQL = ", ".join(f"'{line}'" for line in PRICES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """CPU seconds an engine took, and each invoice's total in cents.

    *load* is what it took to have the rows in its own form; *file* is the part of it that made a
    file.
    """

    load: float
    rate: float
    totals: dict[int, int]
    file: float = 0.0

    @property
    def whole(self) -> float:
        """Load and rate."""
        return self.load + self.rate


# --- DuckDB ----------------------------------------------------------------------------------


def duckdb_loaded(rows: Sequence[Row]) -> Outcome:
    """Load a table and rate it."""
    return _duckdb(rows, "CREATE TABLE usage AS")


def duckdb_unloaded(rows: Sequence[Row]) -> Outcome:
    """Rate in one query over the file; no table is made."""
    return _duckdb(rows, "CREATE VIEW usage AS")


def _duckdb(rows: Sequence[Row], create: str) -> Outcome:
    began = time.process_time()
    with tempfile.NamedTemporaryFile("w", newline="", encoding="ascii") as file:
        _write_csv(rows, file)
        written = time.process_time()
        connection = duckdb.connect(":memory:", config={"threads": 1})
        connection.execute(f"CREATE TYPE line AS ENUM ({_LINES_IN_SQL})")
        connection.execute(
            f"{create} SELECT * FROM read_csv('{file.name}', "  # noqa: S608 - our own file
            "auto_detect = false, columns = "
            "{'invoice': 'INTEGER', 'line': 'line', 'quantity': 'DECIMAL(18, 3)'})"
        )
        loaded = time.process_time()
        totals = _duckdb_totals(connection)
        connection.close()
    done = time.process_time()
    return Outcome(load=loaded - began, rate=done - loaded, totals=totals, file=written - began)


def _write_csv(rows: Sequence[Row], file: IO[str]) -> None:
    for first in range(0, len(rows), ROWS_WRITTEN_AT_ONCE):
        some = rows[first : first + ROWS_WRITTEN_AT_ONCE]
        file.write("".join([f"{invoice},{line},{quantity}\n" for invoice, line, quantity in some]))
    file.flush()


def _duckdb_totals(connection: duckdb.DuckDBPyConnection) -> dict[int, int]:
    lines = "SELECT invoice, line, sum(quantity)::DECIMAL(18, 3) AS q FROM usage GROUP BY ALL"
    rounded = f"round(({price_sql(DUCKDB)})::DECIMAL(38, 7), {CENTS_PLACES})"
    found = connection.execute(
        f"SELECT invoice, sum({rounded}) FROM ({lines}) GROUP BY invoice"  # noqa: S608 - ours
    ).fetchall()
    return {invoice: int(amount.scaleb(CENTS_PLACES)) for invoice, amount in found}


# --- SQLite ----------------------------------------------------------------------------------


def sqlite(rows: Sequence[Row]) -> Outcome:
    """Load a table in memory and rate it."""
    began = time.process_time()
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("CREATE TABLE usage (invoice INTEGER, line TEXT, q INTEGER)")
    connection.execute("BEGIN")
    connection.executemany("INSERT INTO usage VALUES (?, ?, replace(?, '.', ''))", rows)
    connection.execute("COMMIT")
    loaded = time.process_time()
    cent = 10 ** (QUANTITY_PLACES + PRICE_PLACES - CENTS_PLACES)
    lines = "SELECT invoice, line, sum(q) AS q FROM usage GROUP BY invoice, line"
    rounded = f"(2 * ({price_sql(SQLITE)}) + {cent}) / {2 * cent}"
    totals = dict(
        connection.execute(
            f"SELECT invoice, sum({rounded}) FROM ({lines}) GROUP BY invoice"  # noqa: S608 - ours
        )
    )
    connection.close()
    return Outcome(load=loaded - began, rate=time.process_time() - loaded, totals=totals)


# --- prices in SQL ---------------------------------------------------------------------------


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
