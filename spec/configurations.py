"""The configurations that are searched: small enough for every interleaving to be visited."""

from spec.closers import Close, CloseSupplement, Reconcile, Sweep
from spec.configuration import (
    AB,
    APART,
    BEHIND,
    NEXT,
    TWO_TERMS,
    A,
    B,
    Configuration,
    both_graced,
    deleted,
    ending,
    frozen,
    graced,
    running,
    team,
)
from spec.items import Bill, Usage, Written
from spec.writers import Change, Correct, Delete, Kind, Record

CLIENTS = (
    Configuration(
        name="one-usage",
        about="a usage, a close and a reconciliation, three faults",
        store=graced(),
        actors=team(Record(A, 5), Close(0, (A,)), Reconcile(0, (A,))),
        budget=3,
        quick=True,
    ),
    Configuration(
        name="two-usages",
        about="two usages, a close and a reconciliation, two faults",
        store=graced(),
        actors=team(Record(A, 5), Record(B, 7), Close(0, AB), Reconcile(0, AB)),
        budget=2,
        quick=True,
    ),
    Configuration(
        name="replay-and-conflict",
        about="a usage, its replay and a conflict, beside two closes and a reconciliation",
        store=graced(),
        actors=team(
            Record(A, 5), Record(A, 5), Record(A, 6), Close(0, AB), Close(0, AB), Reconcile(0, AB)
        ),
    ),
    Configuration(
        name="same-request",
        about="a request under its key, twice, and two deletions of its usage",
        store=graced(),
        actors=team(Record(A, 5, "r1"), Record(A, 5, "r1"), Delete(A), Delete(A), Close(0, (A,))),
        quick=True,
    ),
    Configuration(
        name="change-of-mind",
        about="record, correct, delete and record again, beside a close and a reconciliation",
        store=graced(),
        actors=team(
            Record(A, 5),
            Correct(A, 1, 6),
            Delete(A),
            Record(A, 8),
            Close(0, (A,)),
            Reconcile(0, (A,)),
        ),
    ),
    Configuration(
        name="corrections",
        about="two corrections of one version and one of the next, beside a close, two faults",
        store=graced().having(Usage(A, 1, 5), Written(A, (Usage(A, 1, 5),))),
        actors=team(
            Correct(A, 1, 6), Correct(A, 1, 7), Correct(A, 2, 8), Close(0, (A,)), Reconcile(0, (A,))
        ),
        budget=2,
        quick=True,
    ),
    Configuration(
        name="over-a-tombstone",
        about="two records over a tombstone and two deletions, beside a close",
        store=graced().having(*deleted(A)),
        actors=team(
            Record(A, 5), Record(A, 6), Delete(A), Delete(A), Close(0, (A,)), Reconcile(0, (A,))
        ),
    ),
)

NAMES = (
    Configuration(
        name="one-name",
        about="two usages under one external id, one of them deleted, beside a close, two faults",
        store=graced(),
        actors=team(
            Record(A, 5, external_id="x"), Record(B, 7, external_id="x"), Delete(A), Close(0, AB)
        ),
        budget=2,
        quick=True,
    ),
    Configuration(
        name="names-over-a-tombstone",
        about="a usage is recorded again under two names, one of which another one wants",
        store=graced().having(*deleted(A)),
        actors=team(
            Record(A, 5, external_id="x"),
            Record(A, 5, external_id="y"),
            Record(B, 7, external_id="x"),
            Delete(A),
            Close(0, AB),
        ),
    ),
    Configuration(
        name="maximum",
        about="a usage, its repeat and another one, of which there may be one; a deletion",
        store=graced(),
        actors=team(
            Record(A, 5, maximum=1),
            Record(A, 5, maximum=1),
            Record(B, 7, maximum=1),
            Delete(A),
            Close(0, AB),
        ),
    ),
)

CLOSES = (
    Configuration(
        name="two-closes",
        about="two usages beside two closes and two reconciliations",
        store=graced(),
        actors=team(
            Record(A, 5),
            Record(B, 7),
            Close(0, AB),
            Close(0, AB),
            Reconcile(0, AB),
            Reconcile(0, AB),
        ),
    ),
    Configuration(
        name="takeover",
        about="a usage beside three closes of its term, two faults",
        store=graced(),
        actors=team(Record(A, 5), Close(0, (A,)), Close(0, (A,)), Close(0, (A,))),
        budget=2,
    ),
    Configuration(
        name="late",
        about="usage, a correction and a deletion after the freeze, two reconciliations",
        store=frozen(Usage(A, 1, 5)),
        actors=team(Correct(A, 1, 6), Delete(A), Record(B, 7), Reconcile(0, AB), Reconcile(0, AB)),
        quick=True,
    ),
    Configuration(
        name="parked",
        about="a close that cannot rate parks; a sweep leaves it, a request takes it up",
        store=graced(),
        actors=team(
            Record(A, 5),
            Close(0, (A,), unratable=True),
            Close(0, (A,), asked_for=True),
            Close(0, (A,)),
            Reconcile(0, (A,)),
        ),
        quick=True,
    ),
    Configuration(
        name="numbers",
        about="two terms and a supplement draw numbers of one series",
        store=both_graced(),
        actors=team(
            Record(A, 5),
            Record(NEXT, 7),
            Close(0, TWO_TERMS),
            Close(4, TWO_TERMS),
            Reconcile(0, TWO_TERMS),
            CloseSupplement(Bill(0, 1)),
        ),
        quick=True,
    ),
    Configuration(
        name="numbers-taken-over",
        about="the same, and one of the terms is closed twice",
        store=both_graced(),
        actors=team(
            Record(A, 5),
            Record(NEXT, 7),
            Close(0, TWO_TERMS),
            Close(4, TWO_TERMS),
            Close(4, TWO_TERMS),
            Reconcile(0, TWO_TERMS),
            CloseSupplement(Bill(0, 1)),
        ),
    ),
    Configuration(
        name="next-invoice",
        about="supplements wait for the invoice of the last term, which closes meanwhile",
        store=ending(),
        actors=team(
            Record(A, 5),
            Record(NEXT, 7),
            Close(4, TWO_TERMS, gathers=True),
            Close(4, TWO_TERMS, gathers=True),
            Reconcile(0, TWO_TERMS, onto_next=True),
            Reconcile(0, TWO_TERMS, onto_next=True),
        ),
        gathers=True,
    ),
)

ENDS = (
    Configuration(
        name="ahead",
        about="usage for a term that is yet to begin, while sweeps end terms and both close",
        store=running(),
        actors=team(
            Record(A, 5),
            Record(NEXT, 7),
            Sweep(0),
            Sweep(0),
            Sweep(4),
            Close(0, TWO_TERMS),
            Close(4, TWO_TERMS),
        ),
    ),
    Configuration(
        name="invoice-now",
        about="an early end with a successor beside the sweep, both terms close",
        store=running(),
        actors=team(
            Record(A, 5),
            Record(BEHIND, 7),
            Change(Kind.INVOICE_NOW, 2),
            Sweep(0),
            Sweep(2),
            Close(0, APART),
            Close(2, APART),
        ),
        quick=True,
    ),
    Configuration(
        name="cancel-now",
        about="an early end without a successor, with usage behind it, beside the sweep",
        store=running(),
        actors=team(
            Record(A, 5),
            Record(BEHIND, 7),
            Change(Kind.CANCEL_NOW, 2),
            Sweep(0),
            Close(0, APART),
            Reconcile(0, APART),
        ),
        quick=True,
    ),
    Configuration(
        name="cancel-and-take-back",
        about="a cancellation at a date and its withdrawal, beside sweeps and a close",
        store=running(),
        actors=team(
            Record(BEHIND, 7),
            Change(Kind.CANCEL_LATER, 2),
            Change(Kind.UNCANCEL),
            Sweep(0),
            Sweep(2),
            Close(0, (BEHIND,)),
            Reconcile(0, (BEHIND,)),
        ),
        quick=True,
    ),
    Configuration(
        name="cancel-at-its-end",
        about="a cancellation at the term's own end, taken back perhaps, with usage behind it",
        store=running(),
        actors=team(
            Record(NEXT, 7),
            Change(Kind.CANCEL_LATER, 4),
            Change(Kind.UNCANCEL),
            Sweep(0),
            Close(0, (NEXT,)),
            Close(4, (NEXT,)),
        ),
        quick=True,
    ),
    Configuration(
        name="changes-at-once",
        about="an early end and a cancellation at once, beside sweeps and a close",
        store=running(),
        actors=team(
            Record(BEHIND, 7),
            Change(Kind.INVOICE_NOW, 1),
            Change(Kind.CANCEL_NOW, 2),
            Change(Kind.UNCANCEL),
            Sweep(0),
            Close(0, (BEHIND,)),
            Close(1, (BEHIND,)),
        ),
    ),
)

TORN = (
    Configuration(
        name="torn-name",
        about="a usage, its repeat and another one become visible item by item with one name",
        store=graced(),
        actors=team(
            Record(A, 5, external_id="x"),
            Record(A, 5, external_id="x"),
            Record(B, 7, external_id="x"),
            Close(0, AB),
        ),
        torn=True,
        quick=True,
    ),
    Configuration(
        name="torn-maximum",
        about="a usage, its repeat and another one become visible beside the count of one",
        store=graced(),
        actors=team(
            Record(A, 5, maximum=1),
            Record(A, 5, maximum=1),
            Record(B, 7, maximum=1),
            Close(0, AB),
        ),
        torn=True,
        quick=True,
    ),
    Configuration(
        name="torn-both",
        about="named and counted usages become visible item by item, beside a reconciliation",
        store=graced(),
        actors=team(
            Record(A, 5, external_id="x", maximum=1),
            Record(A, 5, external_id="x", maximum=1),
            Record(B, 7, external_id="x", maximum=1),
            Close(0, AB),
            Reconcile(0, AB),
        ),
        torn=True,
    ),
    Configuration(
        name="torn-close",
        about="a freeze and an append become visible item by item, beside another close",
        store=graced(),
        actors=team(Record(A, 5), Close(0, (A,)), Close(0, (A,)), Reconcile(0, (A,))),
        torn=True,
        quick=True,
    ),
    Configuration(
        name="torn-append",
        about="two appends become visible item by item",
        store=frozen(),
        actors=team(Record(A, 5), Record(B, 7), Reconcile(0, AB), Reconcile(0, AB)),
        torn=True,
        quick=True,
    ),
    Configuration(
        name="torn-numbers",
        about="two freezes and an append that share a series become visible item by item",
        store=both_graced(),
        actors=team(
            Record(A, 5),
            Close(0, TWO_TERMS),
            Close(4, TWO_TERMS),
            Reconcile(0, TWO_TERMS),
            CloseSupplement(Bill(0, 1)),
        ),
        torn=True,
    ),
    Configuration(
        name="torn-end",
        about="an early end becomes visible item by item, with closes behind it",
        store=running(),
        actors=team(
            Record(BEHIND, 7),
            Change(Kind.INVOICE_NOW, 2),
            Sweep(0),
            Sweep(2),
            Close(0, (BEHIND,)),
            Close(2, (BEHIND,)),
        ),
        torn=True,
    ),
    Configuration(
        name="torn-cancel",
        about="a cancellation becomes visible item by item, with a close behind it",
        store=running(),
        actors=team(Record(BEHIND, 7), Change(Kind.CANCEL_NOW, 2), Sweep(0), Close(0, (BEHIND,))),
        torn=True,
        quick=True,
    ),
    Configuration(
        name="torn-next-invoice",
        about="a supplement that waits for a last invoice becomes visible item by item",
        store=ending(),
        actors=team(
            Record(A, 5), Close(4, TWO_TERMS, gathers=True), Reconcile(0, TWO_TERMS, onto_next=True)
        ),
        torn=True,
        gathers=True,
        quick=True,
    ),
)

CONFIGURATIONS = (*CLIENTS, *NAMES, *CLOSES, *ENDS, *TORN)
