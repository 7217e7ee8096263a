"""From the billing table's stream to the render queue: nothing else, so that nothing can stick.

The stream is for speed only. Retries, poison messages and dead letters are the queue's business,
and what never arrives here is found by the sweep.
"""

from typing import Any

from postpaid.domain.site import Scope
from postpaid.outbound import queue
from postpaid.runtime.log import log
from postpaid.runtime.settings import Settings

settings = Settings.from_environment()
render_queue = queue.Queue(queue.connect(), settings.render_queue_url)


def handler(event: dict[str, Any], context: object) -> None:  # noqa: ARG001
    """Send one render message for each record that shows an invoice waiting for its document."""
    sent = 0
    for record in event["Records"]:
        image = record["dynamodb"].get("NewImage", {})
        if image.get("r", {}).get("S") != "PENDING":
            continue
        site, generation = image["pk"]["S"].split("#", 1)[0].rsplit("~", 1)
        scope = Scope(site, int(generation))
        render_queue.send(queue.render_message(scope, image["id"]["S"]))
        sent += 1
    log("info", "relayed", records=len(event["Records"]), sent=sent)
