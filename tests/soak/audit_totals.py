"""I-16: what an invoice comes to, with tax and credit, and that what was issued stays as it is."""

from collections.abc import Iterator, Sequence

from tests.soak.audit_numbers import serial
from tests.soak.books import Books, said
from tests.soak.ending import Ending, Shown
from tests.soak.findings import Finding, Kind
from tests.soak.plan import Plan
from tests.soak.reckoning import cents_of, tax


def audit_totals(plan: Plan, ending: Ending) -> Iterator[Finding]:
    """Add up each invoice, and the credit of the customer from the first to the last of them."""
    invoices = [each for each in ending.invoices if each["subscription_id"] == plan.id]
    balance = 0
    for invoice in sorted(invoices, key=serial):
        if "lines" not in invoice:
            continue  # found elsewhere: it is not at its end
        name = invoice["number"] or invoice["id"]
        told = {field: cents_of(invoice[field]) for field in _FIELDS}
        # One that was skipped has no place in the order: what it shows is a balance of some time.
        numbered = invoice["number"] is not None
        due = _reckoned(plan, invoice["lines"], balance if numbered else told["credit_balance"])
        for field in _FIELDS:
            if told[field] != due[field]:
                text = f"{name}: {field} is {told[field]} cents in place of {due[field]}"
                yield Finding(Kind.AMOUNT, "I-16", text)
        taxes = sum(cents_of(each["amount"]) for each in invoice["taxes"])
        if taxes != _tax(plan, invoice["lines"]):
            text = f"{name}: the tax is {taxes} cents in place of {_tax(plan, invoice['lines'])}"
            yield Finding(Kind.AMOUNT, "I-16", text)
        if numbered:
            balance = due["credit_balance"] + due["credit_granted"] - due["credit_applied"]
    left = sum(cents_of(each["amount"]) for each in ending.credits.get(plan.customer_id, ()))
    if left != balance:
        text = f"{plan.customer_id} has a credit of {left} cents in place of {balance}"
        yield Finding(Kind.AMOUNT, "I-16", text)


def audit_state(books: Books, ending: Ending) -> Iterator[Finding]:
    """I-14, I-30: all invoices are at their end; those that were seen issued are as they were."""
    for invoice in ending.invoices:
        if invoice["status"] not in {"issued", "skipped"}:
            state = invoice["parked"] or invoice["status"]
            text = f"{invoice['id']} of {invoice['subscription_id']} is {state}"
            yield Finding(Kind.UNSETTLED, "I-30", text)
    changed = [
        (before, said(ending.by_id[invoice_id]))
        for invoice_id, before in books.issued.items()
        if invoice_id in ending.by_id and said(ending.by_id[invoice_id]) != before
    ]
    for before, after in [*books.changed, *changed]:
        names = sorted(name for name in before | after if before.get(name) != after.get(name))
        yield Finding(Kind.CHANGED, "I-14", f"{before['number']} says another {', '.join(names)}")
    for invoice_id in {*books.issued} - {*ending.by_id}:
        yield Finding(Kind.CHANGED, "I-14", f"{invoice_id} was issued and is not there")
    for fault in books.faults:
        yield Finding(Kind.UNSETTLED, "I-30", fault)


_FIELDS = ("subtotal", "credit_balance", "credit_applied", "credit_granted", "total")


def _reckoned(plan: Plan, lines: Sequence[Shown], balance: int) -> dict[str, int]:
    subtotal = sum(cents_of(line["amount"]) for line in lines)
    charges = subtotal + _tax(plan, lines)
    applied = min(balance, max(charges, 0))
    granted = max(-charges, 0)
    return {
        "subtotal": subtotal,
        "credit_balance": balance,
        "credit_applied": applied,
        "credit_granted": granted,
        "total": charges - applied + granted,
    }


def _tax(plan: Plan, lines: Sequence[Shown]) -> int:
    prices = {each.id: each for each in plan.prices}
    return sum(
        tax(prices[line["line_id"]], cents_of(line["amount"]))
        for line in lines
        if line["line_id"] in prices
    )
