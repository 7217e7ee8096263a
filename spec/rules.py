"""The rules of the protocol that can be broken one at a time."""

from dataclasses import dataclass
from enum import StrEnum


class LookRule(StrEnum):
    """When a writer looks at the term of its usage, and how."""

    AFTER = "after the put, strongly consistent"
    BEFORE = "before the put"
    STALE = "after the put, eventually consistent"
    NEVER = "never: always on time"


class AppendRule(StrEnum):
    """On what condition a later manifest is appended."""

    CONTINUES = "only over the log that was read"
    OVERWRITES = "at the index that was read, whatever is there"
    STACKS = "behind whatever the log is by now"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The protocol as designed; a mutant has one of these otherwise."""

    look: LookRule = LookRule.AFTER
    add_is_conditional: bool = True
    add_again_names_the_tombstone: bool = True
    correction_names_its_version: bool = True
    correction_reads_first: bool = True
    correction_knows_itself: bool = True
    request_knows_its_tombstone: bool = True
    delete_leaves_a_tombstone: bool = True
    put_is_one_transaction: bool = True
    register_is_conditional: bool = True
    count_is_conditional: bool = True
    full_waits_for_its_usage: bool = True
    fence_comes_first: bool = True
    dates_come_from_the_fence: bool = True
    takeover_stays_closing: bool = True
    parked_stays_closing: bool = True
    request_takes_up_what_is_parked: bool = True
    tombstones_count_nothing: bool = True
    freeze_names_the_run: bool = True
    freeze_names_the_invoice: bool = True
    freeze_holds_the_number: bool = True
    number_is_conditional: bool = True
    content_comes_first: bool = True
    last_term_takes_the_rest: bool = True
    term_says_that_it_is_the_last: bool = True
    end_names_the_end: bool = True
    end_names_the_status: bool = True
    change_is_counted: bool = True
    append: AppendRule = AppendRule.CONTINUES
    difference_is_to_all: bool = True
    log_is_complete: bool = True
    append_checks_the_next_term: bool = True
    stranded_supplements_are_released: bool = True
    reconciles: bool = True


DESIGNED = Rules()
