"""The protocol with one rule broken: each must be caught, or the model would find nothing wrong."""

from dataclasses import dataclass, replace

from spec.rules import DESIGNED, AppendRule, LookRule, Rules


@dataclass(frozen=True, slots=True)
class Mutant:
    """A broken rule, the configuration in which it shows, and the invariant that fails there.

    *but_for* are invariants that are not asked, so that it is seen what would come of it.
    """

    name: str
    about: str
    rules: Rules
    configuration: str
    caught_by: str
    but_for: frozenset[str] = frozenset()


_STATUS = frozenset({"I-13"})

MUTANTS = (
    Mutant(
        "look-before-put",
        "the writer looks, and then puts",
        replace(DESIGNED, look=LookRule.BEFORE),
        "one-usage",
        "I-04",
    ),
    Mutant(
        "stale-look",
        "the look is eventually consistent",
        replace(DESIGNED, look=LookRule.STALE),
        "one-usage",
        "I-04",
    ),
    Mutant(
        "no-look",
        "every usage is told on_time",
        replace(DESIGNED, look=LookRule.NEVER),
        "one-usage",
        "I-04",
    ),
    Mutant(
        "put-without-condition",
        "a usage is put over whatever is there",
        replace(DESIGNED, add_is_conditional=False),
        "replay-and-conflict",
        "I-01",
    ),
    Mutant(
        "add-over-any-tombstone",
        "a usage is added over a tombstone without naming its version",
        replace(DESIGNED, add_again_names_the_tombstone=False),
        "over-a-tombstone",
        "I-01",
    ),
    Mutant(
        "request-forgets",
        "a repeated request records its usage again after that was deleted",
        replace(DESIGNED, request_knows_its_tombstone=False),
        "same-request",
        "I-07",
    ),
    Mutant(
        "correct-any-version",
        "a correction does not name the version it corrects",
        replace(DESIGNED, correction_names_its_version=False),
        "corrections",
        "I-01",
    ),
    Mutant(
        "correct-unread",
        "a correction of a version that is yet to come is sent, and refused",
        replace(DESIGNED, correction_reads_first=False),
        "change-of-mind",
        "I-02",
    ),
    Mutant(
        "correction-forgets",
        "the SDK's repeat of a correction that was made is refused",
        replace(DESIGNED, correction_knows_itself=False),
        "corrections",
        "I-02",
    ),
    Mutant(
        "delete-removes",
        "a deletion removes the item instead of leaving a tombstone",
        replace(DESIGNED, delete_leaves_a_tombstone=False),
        "change-of-mind",
        "I-01",
    ),
    Mutant(
        "put-in-two-writes",
        "an external id is bound before the usage that it names is put",
        replace(DESIGNED, put_is_one_transaction=False),
        "one-name",
        "I-61",
    ),
    Mutant(
        "register-overwrites",
        "an external id is bound whatever it names",
        replace(DESIGNED, register_is_conditional=False),
        "one-name",
        "I-60",
    ),
    Mutant(
        "count-without-condition",
        "a usage is counted however many there are",
        replace(DESIGNED, count_is_conditional=False),
        "torn-maximum",
        "I-62",
    ),
    Mutant(
        "full-at-once",
        "a count that is full refuses while the usage itself is in another transaction",
        replace(DESIGNED, full_waits_for_its_usage=False),
        "torn-maximum",
        "I-63",
    ),
    Mutant(
        "query-before-fence",
        "the close queries, and then fences",
        replace(DESIGNED, fence_comes_first=False),
        "one-usage",
        "I-04",
    ),
    Mutant(
        "dates-before-fence",
        "the close queries the dates that it read before the fence",
        replace(DESIGNED, dates_come_from_the_fence=False),
        "invoice-now",
        "I-01",
    ),
    Mutant(
        "takeover-reopens",
        "a takeover returns the term to GRACE first",
        replace(DESIGNED, takeover_stays_closing=False),
        "takeover",
        "I-13",
    ),
    Mutant(
        "takeover-reopens-unnoticed",
        "the same, where nobody minds the status itself",
        replace(DESIGNED, takeover_stays_closing=False),
        "takeover",
        "I-04",
        _STATUS,
    ),
    Mutant(
        "parking-reopens",
        "a close that cannot rate returns the term to GRACE",
        replace(DESIGNED, parked_stays_closing=False),
        "parked",
        "I-13",
    ),
    Mutant(
        "parking-reopens-unnoticed",
        "the same, where nobody minds the status itself",
        replace(DESIGNED, parked_stays_closing=False),
        "parked",
        "I-04",
        _STATUS,
    ),
    Mutant(
        "freeze-without-condition",
        "the freeze names neither the run that fenced nor the pending invoice",
        replace(DESIGNED, freeze_names_the_run=False, freeze_names_the_invoice=False),
        "takeover",
        "I-13",
    ),
    Mutant(
        "freeze-twice-two-numbers",
        "the same, where nobody minds the status: an invoice gets two numbers",
        replace(DESIGNED, freeze_names_the_run=False, freeze_names_the_invoice=False),
        "takeover",
        "I-10",
        _STATUS | {"I-06", "I-14"},
    ),
    Mutant(
        "freeze-twice-short-count",
        "the same: a term forgets that it was reconciled",
        replace(DESIGNED, freeze_names_the_run=False, freeze_names_the_invoice=False),
        "replay-and-conflict",
        "I-06",
        _STATUS | {"I-10", "I-14"},
    ),
    Mutant(
        "freeze-before-content",
        "the content is stored after the freeze that names it",
        replace(DESIGNED, content_comes_first=False),
        "takeover",
        "I-14",
    ),
    Mutant(
        "number-outside",
        "the number is drawn before the transaction that freezes",
        replace(DESIGNED, freeze_holds_the_number=False),
        "numbers",
        "I-15",
    ),
    Mutant(
        "number-without-condition",
        "the transaction takes a number that may be gone",
        replace(DESIGNED, number_is_conditional=False),
        "numbers",
        "I-15",
    ),
    Mutant(
        "append-overwrites",
        "a later manifest is put at its index, whatever is there",
        replace(DESIGNED, append=AppendRule.OVERWRITES),
        "late",
        "I-14",
    ),
    Mutant(
        "append-stacks",
        "a later manifest is put behind whatever the log is by now",
        replace(DESIGNED, append=AppendRule.STACKS),
        "late",
        "I-05",
    ),
    Mutant(
        "half-a-log",
        "a reconciliation trusts a log that is shorter than its term says",
        replace(DESIGNED, log_is_complete=False),
        "torn-append",
        "I-05",
    ),
    Mutant(
        "difference-to-first",
        "a reconciliation compares with the first manifest only",
        replace(DESIGNED, difference_is_to_all=False),
        "late",
        "I-34",
    ),
    Mutant(
        "no-reconciliation",
        "nobody reconciles",
        replace(DESIGNED, reconciles=False),
        "late",
        "I-01",
    ),
    Mutant(
        "no-reconciliation-unnoticed",
        "the same, where nobody minds what was acknowledged",
        replace(DESIGNED, reconciles=False),
        "one-usage",
        "I-03",
        frozenset({"I-01"}),
    ),
    Mutant(
        "tombstone-is-billed",
        "a tombstone counts with the quantity that it had",
        replace(DESIGNED, tombstones_count_nothing=False),
        "late",
        "I-09",
    ),
    Mutant(
        "parked-for-ever",
        "a request to close does not take up what is parked",
        replace(DESIGNED, request_takes_up_what_is_parked=False),
        "parked",
        "I-30",
        frozenset({"I-01", "I-03", "I-04"}),
    ),
    Mutant(
        "end-whatever-the-end",
        "a term is ended by an end that it had before",
        replace(DESIGNED, end_names_the_end=False),
        "cancel-and-take-back",
        "I-04",
        frozenset({"I-12"}),
    ),
    Mutant(
        "change-uncounted",
        "a cancellation at the term's own end leaves no mark on the term",
        replace(DESIGNED, change_is_counted=False),
        "cancel-at-its-end",
        "I-12",
    ),
    Mutant(
        "end-twice",
        "a term is ended whether or not it is open, and over its successor",
        replace(DESIGNED, end_names_the_status=False),
        "invoice-now",
        "I-12",
    ),
    Mutant(
        "last-term-stops",
        "the last term bills nothing that is dated behind it",
        replace(DESIGNED, last_term_takes_the_rest=False),
        "cancel-now",
        "I-01",
    ),
    Mutant(
        "last-term-by-subscription",
        "whether a term is the last is read from the subscription, after the fence",
        replace(DESIGNED, term_says_that_it_is_the_last=False),
        "torn-cancel",
        "I-04",
    ),
    Mutant(
        "supplements-are-stranded",
        "a supplement waits for an invoice that has closed without it",
        replace(DESIGNED, stranded_supplements_are_released=False),
        "torn-next-invoice",
        "I-01",
    ),
)

# Conditions that another one makes up for: without one of them nothing is lost, which is shown too.
SPARES = (
    Mutant(
        "freeze-without-run",
        "the freeze names the pending invoice, but not the run that fenced",
        replace(DESIGNED, freeze_names_the_run=False),
        "parked",
        "",
    ),
    Mutant(
        "freeze-without-invoice",
        "the freeze names the run that fenced, but not the pending invoice",
        replace(DESIGNED, freeze_names_the_invoice=False),
        "parked",
        "",
    ),
    Mutant(
        "append-without-check",
        "a supplement may wait for an invoice that is closing, and is released if it missed it",
        replace(DESIGNED, append_checks_the_next_term=False),
        "torn-next-invoice",
        "",
    ),
)
