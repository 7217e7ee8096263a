"""Memory of `postpaid rate`: its peak must not grow with the number of lines it reads.

The command runs twice, with ten thousand lines and with ten times as many. A process counts the
memory it was forked from, so this one imports little.
"""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.workload import PRICES

LINES_FEW = 10_000
LINES_MANY = 100_000
GROWTH_MAX = 1.05

COMMAND = [str(Path(sys.executable).parent / "postpaid"), "rate"]
_PRICES = list(PRICES.values())
BYTES_OF_MAXRSS = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of the command took."""

    lines: int
    mebibytes: float
    seconds: float


def main() -> int:
    """Rate few and many lines, print a table, and return 1 if many take more memory."""
    run(1)  # a first run may compile its modules, which takes memory of its own
    few, many = run(LINES_FEW), run(LINES_MANY)
    print(f"{'postpaid rate':28}{'lines':>9}{'CPU seconds':>13}{'peak MiB':>10}{'x few':>8}")
    for each in (few, many):
        ratio = each.mebibytes / few.mebibytes
        print(f"{'':28}{each.lines:9,}{each.seconds:13.2f}{each.mebibytes:10.1f}{ratio:8.2f}")
    met = many.mebibytes <= GROWTH_MAX * few.mebibytes
    print(f"{'met' if met else 'MISSED'}: ten times the lines, at most {GROWTH_MAX} x the memory")
    return 0 if met else 1


def run(lines: int) -> Run:
    """Rate so many lines; raises `RuntimeError` if the command fails or refuses one."""
    with tempfile.TemporaryFile() as answers:
        with subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=answers) as process:  # noqa: S603 - ours
            assert process.stdin is not None
            process.stdin.writelines(map(_line, range(lines)))
            process.stdin.close()
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        answers.seek(0)
        rated = sum(b'"amount"' in answer for answer in answers)
    if process.returncode != 0 or rated != lines:
        raise RuntimeError(f"rated {rated} of {lines} lines and ended with {process.returncode}")
    return Run(lines, used.ru_maxrss * BYTES_OF_MAXRSS / 2**20, used.ru_utime + used.ru_stime)


def _line(n: int) -> bytes:
    quantity = f"{n % 20_000}.5"
    line = {"id": n, "pricing": _PRICES[n % len(_PRICES)], "quantity": quantity}
    return f"{json.dumps(line)}\n".encode("ascii")


if __name__ == "__main__":
    sys.exit(main())
