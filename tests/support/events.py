"""Events as AWS hands them to a function: HTTP API (payload 2.0), SQS and DynamoDB streams."""

import base64
import hashlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

REGION = "us-east-1"
ACCOUNT = "000000000000"

type Event = dict[str, Any]

# The gateway passes these on as text; whatever else comes in is base64.
_TEXT_TYPES = frozenset({"application/json", "application/xml", "application/javascript"})


@dataclass(frozen=True, slots=True)
class Context:
    """What Lambda tells a handler of its invocation."""

    function_name: str = "postpaid"
    function_version: str = "$LATEST"
    memory_limit_in_mb: int = 512
    aws_request_id: str = "8f507cfc-0000-4697-b07a-ac58fc914c95"
    invoked_function_arn: str = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:postpaid"
    log_group_name: str = "/aws/lambda/postpaid"
    log_stream_name: str = "2026/10/20/[$LATEST]0123456789abcdef"

    def get_remaining_time_in_millis(self) -> int:
        """Return the time that is left."""
        return 9_000


def http_event(
    method: str,
    target: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    is_base64: bool | None = None,
    route_key: str = "$default",
) -> Event:
    """Return what the gateway makes of a request; *target* is path and query as a client sends it.

    *is_base64* overrides what the gateway would choose by the content type.
    """
    path, _, query = target.partition("?")
    decoded = gateway_path(path)
    sent = {name.lower(): value for name, value in (headers or {}).items()}
    event: Event = {
        "version": "2.0",
        "routeKey": route_key,
        "rawPath": decoded,
        "rawQueryString": query,
        "headers": {
            "accept": "*/*",
            "content-length": str(len(body or b"")),
            "host": "abcdefghij.execute-api.us-east-1.amazonaws.com",
            "user-agent": "tests",
            "x-amzn-trace-id": "Root=1-6717a6f1-0123456789abcdef01234567",
            "x-forwarded-for": "203.0.113.7",
            "x-forwarded-port": "443",
            "x-forwarded-proto": "https",
            **sent,
        },
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": "abcdefghij",
            "domainName": "abcdefghij.execute-api.us-east-1.amazonaws.com",
            "domainPrefix": "abcdefghij",
            "http": {
                "method": method,
                "path": decoded,
                "protocol": "HTTP/1.1",
                "sourceIp": "203.0.113.7",
                "userAgent": "tests",
            },
            "requestId": uuid.uuid4().hex[:16],
            "routeKey": route_key,
            "stage": "$default",
            "time": "20/Oct/2026:12:00:00 +0000",
            "timeEpoch": 1_792_497_600_000,
        },
        "isBase64Encoded": False,
    }
    if query:
        # As the gateway does: values of a repeated name joined, for those who do not look closely.
        pairs = [pair.partition("=") for pair in query.split("&")]
        event["queryStringParameters"] = {name: value for name, _, value in pairs}
    if body is not None:
        as_base64 = not _is_text(sent.get("content-type", "")) if is_base64 is None else is_base64
        event["isBase64Encoded"] = as_base64
        event["body"] = base64.b64encode(body).decode() if as_base64 else body.decode()
    return event


def gateway_path(path: str) -> str:
    """Decode a path as the gateway does for `rawPath`: every escape but `%25`."""
    return "%25".join(unquote(part) for part in path.split("%25"))


def sqs_event(bodies: Sequence[str], *, queue: str = "queue") -> Event:
    """Return a batch of messages as Lambda receives it from a queue."""
    return {
        "Records": [
            {
                "messageId": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{index}:{body}")),
                "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
                "body": body,
                "attributes": {
                    "ApproximateReceiveCount": "1",
                    "SentTimestamp": "1792497600000",
                    "SenderId": "AIDAIENQZJOLO23YVJ4VO",
                    "ApproximateFirstReceiveTimestamp": "1792497600001",
                },
                "messageAttributes": {},
                "md5OfBody": hashlib.md5(body.encode(), usedforsecurity=False).hexdigest(),
                "eventSource": "aws:sqs",
                "eventSourceARN": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}",
                "awsRegion": REGION,
            }
            for index, body in enumerate(bodies)
        ]
    }


def stream_event(*changes: tuple[str, dict[str, Any], dict[str, Any] | None]) -> Event:
    """Return a batch of a table's stream: event name, keys and new image, which a removal lacks."""
    return {
        "Records": [
            {
                "eventID": uuid.uuid4().hex,
                "eventName": name,
                "eventVersion": "1.1",
                "eventSource": "aws:dynamodb",
                "awsRegion": REGION,
                "dynamodb": {
                    "ApproximateCreationDateTime": 1_792_497_600.0,
                    "Keys": keys,
                    **({} if image is None else {"NewImage": image}),
                    "SequenceNumber": f"{1_000_000_000 + index}",
                    "SizeBytes": 300,
                    "StreamViewType": "NEW_IMAGE",
                },
                "eventSourceARN": f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/t/stream/2026",
            }
            for index, (name, keys, image) in enumerate(changes)
        ]
    }


def _is_text(content_type: str) -> bool:
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type.startswith("text/") or media_type in _TEXT_TYPES
