"""Soak the deployed local stack and audit it: `make soak`. The last line sums up."""

import argparse
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Sequence

from postpaid_cli import engine as engines
from postpaid_cli.stack import LocalStack, bring_up, new_folder
from tests.soak import plan, storm
from tests.soak.audit import audit
from tests.soak.books import Books, Outcome
from tests.soak.ending import Ending
from tests.soak.findings import Finding, Kind
from tests.soak.numbering import CLOCK, number_invoices
from tests.soak.site import Operator

SUBSCRIPTIONS = 50
INVOICES = 1000
_LIFETIME_SECONDS = 60 * 60


def main(arguments: Sequence[str] | None = None) -> int:
    """Run both parts; return 0 if the auditor finds nothing."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--seed", type=int, help="draw what an earlier run drew")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--no-build", action="store_true", help="deploy what was built last")
    asked = parser.parse_args(arguments)
    if asked.clients < 1 or asked.seconds < 1:
        parser.error("there must be a client, and a second")
    # By default SIGTERM ends Python on the spot, and would leave the engine behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    seed = random.SystemRandom().randrange(10**6) if asked.seed is None else asked.seed
    run = Run(seed, asked.seconds, asked.clients)
    run.say(f"SEED={seed} repeats what the clients ask")
    stack = bring_up(
        new_folder(),
        build_first=not asked.no_build,
        lifetime_seconds=_LIFETIME_SECONDS,
        progress=run.say,
    )
    try:
        return run.soak(stack)
    finally:
        engines.stop(stack.engine)


class Run:
    """One run: its settings, and the second it began in."""

    def __init__(self, seed: int, seconds: int, clients: int) -> None:
        self._seed, self._seconds, self._clients = seed, seconds, clients
        self._began = time.monotonic()

    def say(self, text: str) -> None:
        """Print a line with the second it belongs to."""
        sys.stdout.write(f"{time.monotonic() - self._began:6.1f} s  {text}\n")
        sys.stdout.flush()

    def soak(self, stack: LocalStack) -> int:
        """Let the clients loose, audit, number the invoices, sum up."""
        operator = Operator.of(stack)
        operator.hurry()
        plans = plan.plans(SUBSCRIPTIONS)
        key = operator.new_site("soak", plan.CLOCK)
        books, now = storm.storm(
            stack.base_url,
            key,
            operator,
            plans,
            clients=self._clients,
            seconds=self._seconds,
            seed=self._seed,
            say=self.say,
        )
        self.say(f"{_counted(books)}; told {_promised(books)}; it is {now} there")
        self.say("waiting until all is billed")
        storm.settled(stack.base_url, key, operator, now, self.say)
        self.say("reading what there is")
        ending = storm.read_ending(stack.base_url, key, plans)
        findings = audit(plans, books, ending)
        for finding in findings:
            self._show(finding)
        self.say("sweeps end the terms of many weeks")
        numbers = number_invoices(
            stack.base_url,
            operator.new_site("series", CLOCK),
            operator,
            self.say,
            invoices=INVOICES,
            closers=self._clients,
            seed=self._seed,
        )
        for finding in numbers:
            self._show(finding)
        self.say(f"done; SEED={self._seed}")
        sys.stdout.write(self._summary(books, ending, findings, numbers) + "\n")
        return int(bool(findings or numbers))

    def _show(self, finding: Finding) -> None:
        for line in finding.lines():
            sys.stdout.write(f"  {line}\n")

    def _summary(
        self, books: Books, ending: Ending, findings: list[Finding], numbers: list[Finding]
    ) -> str:
        kinds = Counter(finding.kind for finding in findings)
        others = sum(kinds.values()) - sum(kinds[kind] for kind in _NAMED)
        said = [f"{kinds[kind]} {kind}" for kind in _NAMED]
        if others:
            said.append(f"{others} other findings")
        numbered = f"{INVOICES} invoices numbered 1..{INVOICES}"
        if numbers:
            numbered = f"{INVOICES} invoices not numbered 1..{INVOICES}: {len(numbers)} findings"
        return (
            f"soak: {self._seconds} s, {self._clients} clients, {SUBSCRIPTIONS} subscriptions, "
            f"{_counted(books)}, {len(ending.live)} usages, {len(ending.firsts)} terms frozen, "
            f"{len(ending.entries)} supplements, {', '.join(said)}; {numbered}"
        )


_NAMED = (Kind.LOST, Kind.DOUBLED, Kind.FALSE)


def _counted(books: Books) -> str:
    counts = books.outcomes
    return (
        f"{sum(counts.values())} requests ({counts[Outcome.OK]} ok, "
        f"{counts[Outcome.REFUSED]} refused, {counts[Outcome.UNKNOWN]} unknown)"
    )


def _promised(books: Books) -> str:
    counts = Counter(attempt.told.billing for attempt in books.attempts if attempt.told)
    return ", ".join(f"{count} {billing}" for billing, count in counts.most_common())


if __name__ == "__main__":
    sys.exit(main())
