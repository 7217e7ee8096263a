"""The Chargebee door under requests at random, ending with one line.

python -m tests.fuzz                           at least 5 000 cases, some minutes
python -m tests.fuzz --seed 7 --cases 500      some of them again
"""

import argparse
import io
import secrets
import sys
import tempfile
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path

from postpaid_cli import engine as engines
from postpaid_cli.aws import LocalAws
from tests.fuzz.fuzzer import Report, fuzz
from tests.support.functions import functions_on

CASES = 5000
SECONDS = 1800


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what is asked; return 0 if nothing is wrong."""
    parser = argparse.ArgumentParser(prog=".venv/bin/python -m tests.fuzz")
    parser.add_argument("--seed", type=int, help="repeats a run; without it, one at random")
    parser.add_argument("--cases", type=int, default=CASES, help="how many, %(default)s")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="the time there is")
    asked = parser.parse_args(arguments)
    seed = secrets.randbelow(10**6) if asked.seed is None else asked.seed
    logged = io.StringIO()
    with redirect_stdout(logged):
        report = _run(seed, asked.cases, asked.seconds)
    for line in logged.getvalue().splitlines():
        if '"level":"error"' in line:
            print(line)  # noqa: T201 - what failed, and where
    for finding in report.findings:
        print(finding.text())  # noqa: T201 - this is what it is for
    print(report.line())  # noqa: T201 - this is what it is for
    return 1 if report.findings or report.is_cut_short else 0


def _run(seed: int, cases: int, seconds: float) -> Report:
    with tempfile.TemporaryDirectory() as folder:
        engine = engines.start(Path(folder), lifetime_seconds=int(seconds) + 600)
        try:
            with functions_on(LocalAws(engine.endpoint)) as functions:
                return fuzz(functions, cases=cases, seed=seed, seconds=seconds)
        finally:
            engines.stop(engine)


if __name__ == "__main__":
    sys.exit(main())
