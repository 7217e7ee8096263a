"""What no single write may break, looked at as it happens.

These see each item beside what was there before, on every table of a run, and each object that is
stored. What they find is kept, since a handler would answer an exception with "not now".
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from postpaid.domain.site import Scope
from postpaid.domain.term import TERM_STEPS, TermStatus
from postpaid.store.tables import Item

# I-13: an invoice leaves PENDING once; only an issued one is voided.
INVOICE_STEPS = {
    "PENDING": {"PENDING", "ISSUED", "SKIPPED", "DELETED"},
    "ISSUED": {"ISSUED", "VOIDED"},
    "SKIPPED": {"SKIPPED"},
    "DELETED": {"DELETED"},
    "VOIDED": {"VOIDED"},
}
# I-14: what an issued invoice and a frozen term say for ever.
_SAID = (
    *("content_hash", "series", "serial", "serial_text", "issued_on", "due_on"),
    *("total", "credit"),
    *("customer_id", "currency", "deleted_at", "delete_reason"),
    "cv",  # how often its one-time charges changed
)
_FROZEN = ("m0", "invoice_id", "start", "end", "pins", "engine", "n", "last")
USAGE_BYTES_MAX = 1024


@dataclass
class Laws:
    """The laws of one run; *broken* is what was found, *steps* which transitions were seen."""

    scope: Scope
    by_tenant: bool = True  # else the operator is at work, too
    broken: list[str] = field(default_factory=list)
    steps: set[tuple[str, str, str]] = field(default_factory=set)

    def watch(self, table: str) -> Callable[[Item | None, Item], None]:
        """Return what looks at the writes of a table."""

        def look(before: Item | None, after: Item) -> None:
            self._tenant(after)
            if table == "usages":
                self._usage(before, after)
            elif str(after["sk"]).startswith("TERM#"):
                self._term(before, after)
            elif str(after["sk"]).startswith("MAN#"):
                self._manifest(before, after)
            elif str(after["sk"]).startswith("CHG#"):
                self._charge(before, after)
            elif _kind(after) == "invoice" and after["sk"] == "META":
                self._invoice(before, after)
            elif _kind(after) == "number":
                self._hold(
                    before is None or before == after, "I-64", f"an integer went from {before}"
                )

        return look

    def _tenant(self, after: Item) -> None:
        pk = str(after["pk"])
        site = self.scope.site  # in whatever generation
        own = (f"{site}~", f"{site}#", "KEY#", "~system#")
        if not self.by_tenant:
            return
        self._hold(pk.startswith(own), "I-40", f"a write outside of the site, to {pk}")

    def _usage(self, before: Item | None, after: Item) -> None:
        size = sum(len(name.encode()) + len(str(value).encode()) for name, value in after.items())
        self._hold(size <= USAGE_BYTES_MAX, "I-51", f"a usage of {size} bytes")
        if before is not None and before != after and "v" in after:
            rises = after["v"] == int(str(before["v"])) + 1
            self._hold(rises, "I-05", f"a version {after['v']} over {before['v']}")
        elif before is not None and before != after and "place" in after:
            self._hold(False, "I-60", f"an external id went from {before} to {after}")
        elif before is not None and "v" not in after and "n" in after:
            one_more = after["n"] == int(str(before["n"])) + 1
            self._hold(one_more, "I-62", f"a count went from {before['n']} to {after['n']}")

    def _term(self, before: Item | None, after: Item) -> None:
        status = TermStatus(str(after["status"]))
        was = TermStatus.OPEN if before is None else TermStatus(str(before["status"]))
        self.steps.add(("term", was.value, status.value))
        allowed = status is was or status in TERM_STEPS[was]
        self._hold(allowed, "I-13", f"a term went from {was.value} to {status.value}")
        if before is not None and was is TermStatus.FROZEN:
            self._same(before, after, _FROZEN, "a frozen term")
            grown = int(str(after["m"])) - int(str(before["m"]))
            self._hold(grown in {0, 1}, "I-06", f"manifests grew by {grown}")

    def _manifest(self, before: Item | None, after: Item) -> None:
        if before is not None:
            names = [name for name in before.keys() | after.keys() if name != "billed_in"]
            self._same(before, after, names, "a manifest")
            billed = before.get("billed_in")
            self._hold(billed in {None, after.get("billed_in")}, "I-10", "billed by two invoices")

    def _charge(self, before: Item | None, after: Item) -> None:
        if before is not None:
            names = [name for name in before.keys() | after.keys() if name != "removed_at"]
            self._same(before, after, names, "a one-time charge")
            gone = before.get("removed_at")
            self._hold(gone in {None, after.get("removed_at")}, "I-14", "a charge came back")

    def _invoice(self, before: Item | None, after: Item) -> None:
        status, was = str(after["status"]), str((before or after)["status"])
        self.steps.add(("invoice", was, status))
        self._hold(status in INVOICE_STEPS[was], "I-13", f"an invoice went from {was} to {status}")
        if before is not None and was in {"ISSUED", "VOIDED", "SKIPPED", "DELETED"}:
            self._same(before, after, _SAID, "an invoice that is out or deleted")

    def _same(self, before: Item, after: Item, names: object, what: str) -> None:
        assert isinstance(names, list | tuple)
        changed = [name for name in names if before.get(name) != after.get(name)]
        self._hold(not changed, "I-14", f"{what} changed its {', '.join(map(str, changed))}")

    def _hold(self, holds: bool, law: str, what: str) -> None:
        if not holds:
            self.broken.append(f"{law}: {what}")


def _kind(item: Item) -> str:
    """Return the part of a partition's key that says what is in it."""
    return [*str(item["pk"]).split("#"), ""][1]
