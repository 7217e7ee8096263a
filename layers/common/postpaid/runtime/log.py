"""One JSON line per event; by level, so that success is silent in the cloud.

Fields are named one by one by the caller: no event, header or body is ever logged whole, so a key
or a customer's address cannot slip in.
"""

import json
import logging
import os
import sys
import time
import traceback

# At each cold start botocore tells where it found its credentials: a line nobody reads.
logging.getLogger("botocore").setLevel(logging.WARNING)

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def log(level: str, event: str, **fields: str | int | bool | None) -> None:
    """Print one line if the level is at least that of POSTPAID_LOG_LEVEL (default `error`)."""
    threshold = _LEVELS.get(os.environ.get("POSTPAID_LOG_LEVEL", "error"), _LEVELS["error"])
    if _LEVELS[level] >= threshold:
        line = {"level": level, "event": event, **fields}
        sys.stdout.write(json.dumps(line, separators=(",", ":")) + "\n")
        sys.stdout.flush()


def log_metrics(namespace: str, **values: int) -> None:
    """Print figures as CloudWatch reads them from a log (embedded metric format), at any level."""
    metrics = [{"Name": name, "Unit": "Count"} for name in values]
    told = {
        "_aws": {
            "Timestamp": time.time_ns() // 1_000_000,
            "CloudWatchMetrics": [{"Namespace": namespace, "Dimensions": [[]], "Metrics": metrics}],
        },
        **values,
    }
    sys.stdout.write(json.dumps(told, separators=(",", ":")) + "\n")
    sys.stdout.flush()


def log_failure(event: str, error: BaseException, **fields: str | int | bool | None) -> None:
    """Print an unexpected error: its type and where it arose, not its text, which may hold data."""
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    places = " < ".join(f"{f.filename.rsplit('/', 1)[-1]}:{f.lineno}" for f in reversed(frames))
    log("error", event, error=type(error).__name__, at=places, **fields)
