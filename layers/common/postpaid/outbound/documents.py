"""The document bucket: immutable objects under the hash of their bytes."""

import hashlib
import json
from typing import TYPE_CHECKING, cast

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from postpaid.application.entries import Appended
from postpaid.application.ports import LINK_LIFETIME, Unavailable
from postpaid.domain.invoice import Invoice
from postpaid.domain.invoice_content import InvoiceContent, canonical, content_from_plain
from postpaid.domain.site import Scope
from postpaid.domain.supplement import (
    Supplement,
    plain_supplement,
    supplement_from_plain,
)
from postpaid.domain.usage_statement import (
    UsageStatement,
    statement_from_plain,
    statement_hash,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_JSON = "application/json"
_PDF = "application/pdf"
# Who may not list a bucket is told 403, not 404, of an object that is not there.
_NOT_THERE = frozenset({403, 404})


def connect() -> "S3Client":
    """Return a client for the process."""
    config = Config(
        connect_timeout=2,
        read_timeout=10,
        retries={"mode": "standard", "total_max_attempts": 3},
        signature_version="s3v4",
    )
    return cast("S3Client", botocore.session.get_session().create_client("s3", config=config))


class StoredDocuments:
    """The documents of one site."""

    def __init__(self, client: "S3Client", bucket: str, scope: Scope) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = f"{scope.site}/{scope.generation}"

    def put_content(self, invoice_id: str, body: bytes) -> str:
        """Store what an invoice says and return its hash; storing it twice changes nothing."""
        digest = hashlib.sha256(body).hexdigest()
        self._put_once(self._key(invoice_id, digest, "json"), body, _JSON)
        return digest

    def get_content(self, invoice: Invoice) -> InvoiceContent:
        """Read what a finished invoice says."""
        assert invoice.content_hash is not None
        key = self._key(invoice.id, invoice.content_hash, "json")
        return content_from_plain(json.loads(self._get(key, invoice.content_hash)))

    def put_supplement(self, supplement: Supplement) -> str:
        """Store a term's later manifest and return its hash; storing it twice changes nothing."""
        body = canonical(plain_supplement(supplement))
        digest = hashlib.sha256(body).hexdigest()
        self._put_once(self._supplement_key(supplement.subscription_id, digest), body, _JSON)
        return digest

    def get_supplement(self, appended: Appended) -> Supplement:
        """Read a term's later manifest."""
        key = self._supplement_key(appended.subscription_id, appended.content_hash)
        return supplement_from_plain(json.loads(self._get(key, appended.content_hash)))

    def put_pdf(self, invoice_id: str, body: bytes) -> str:
        """Store a typeset document and return its hash; storing it twice changes nothing."""
        digest = hashlib.sha256(body).hexdigest()
        self._put_once(self._key(invoice_id, digest, "pdf"), body, _PDF)
        return digest

    def pdf_link(self, invoice: Invoice, *, inline: bool = False) -> str:
        """Return a URL of the document for the next five minutes: to download, or *inline*."""
        assert invoice.pdf_hash is not None
        key = self._key(invoice.id, invoice.pdf_hash, "pdf")
        return self._link(key, str(invoice.serial_text), inline=inline)

    def put_statement(self, invoice_id: str, body: bytes) -> str:
        """Store a statement of usages and return its hash; storing it twice changes nothing."""
        digest = statement_hash(body)
        self._put_once(self._statement_key(invoice_id, digest, "json"), body, _JSON)
        return digest

    def get_statement(self, invoice_id: str, digest: str) -> UsageStatement:
        """Read a statement of usages by its hash."""
        key = self._statement_key(invoice_id, digest, "json")
        return statement_from_plain(json.loads(self._get(key, digest)))

    def has_statement_pdf(self, invoice_id: str, digest: str) -> bool:
        """Tell whether the document of a statement is there."""
        key = self._statement_key(invoice_id, digest, "pdf")
        try:
            self._client.head_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] in _NOT_THERE:
                return False
            raise Unavailable("S3 did not say whether a document is there") from error
        except (HTTPClientError, BotoCoreError) as error:
            raise Unavailable("S3 did not answer") from error
        return True

    def put_statement_pdf(self, invoice_id: str, digest: str, body: bytes) -> None:
        """Store the document of a statement; storing it twice changes nothing."""
        self._put_once(self._statement_key(invoice_id, digest, "pdf"), body, _PDF)

    def statement_pdf_link(self, invoice: Invoice, digest: str, *, inline: bool = False) -> str:
        """Return a URL of a statement's document for the next five minutes, as `pdf_link` does."""
        name = f"usages-{invoice.serial_text or invoice.id}"
        return self._link(self._statement_key(invoice.id, digest, "pdf"), name, inline=inline)

    def _link(self, key: str, name: str, *, inline: bool) -> str:
        name = "".join(c if c.isalnum() or c in "-_." else "-" for c in name)
        shown = "inline" if inline else "attachment"
        return self._client.generate_presigned_url(
            "get_object",
            Params={
                "Bucket": self._bucket,
                "Key": key,
                "ResponseContentDisposition": f'{shown}; filename="{name}.pdf"',
                "ResponseContentType": _PDF,
            },
            ExpiresIn=int(LINK_LIFETIME.total_seconds()),
        )

    def _get(self, key: str, digest: str) -> bytes:
        try:
            body = self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        except (ClientError, HTTPClientError, BotoCoreError) as error:
            raise Unavailable("S3 did not give a document") from error
        assert hashlib.sha256(body).hexdigest() == digest, "a document was altered"
        return body

    def _put_once(self, key: str, body: bytes, media_type: str) -> None:
        try:
            self._client.put_object(
                Bucket=self._bucket, Key=key, Body=body, ContentType=media_type, IfNoneMatch="*"
            )
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            # 412: the same bytes are there already.
            if status != 412:  # noqa: PLR2004 - Precondition Failed
                raise Unavailable("S3 did not store a document") from error
        except (HTTPClientError, BotoCoreError) as error:
            raise Unavailable("S3 did not answer") from error

    def _key(self, invoice_id: str, digest: str, suffix: str) -> str:
        return f"{self._prefix}/invoices/{invoice_id}/{digest}.{suffix}"

    def _statement_key(self, invoice_id: str, digest: str, suffix: str) -> str:
        # Its document has its hash, not its own: the one can be looked for by the other.
        return f"{self._prefix}/invoices/{invoice_id}/usages/{digest}.{suffix}"

    def _supplement_key(self, subscription_id: str, digest: str) -> str:
        # An id of the client's is no part of a path: its hash is.
        folder = hashlib.sha256(subscription_id.encode()).hexdigest()[:24]
        return f"{self._prefix}/supplements/{folder}/{digest}.json"
