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

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_JSON = "application/json"


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
        self._put_once(self._key(invoice_id, digest, "pdf"), body, "application/pdf")
        return digest

    def pdf_link(self, invoice: Invoice) -> str:
        """Return a URL that downloads the document for the next five minutes."""
        assert invoice.pdf_hash is not None
        name = "".join(c if c.isalnum() or c in "-_." else "-" for c in str(invoice.serial_text))
        return self._client.generate_presigned_url(
            "get_object",
            Params={
                "Bucket": self._bucket,
                "Key": self._key(invoice.id, invoice.pdf_hash, "pdf"),
                "ResponseContentDisposition": f'attachment; filename="{name}.pdf"',
                "ResponseContentType": "application/pdf",
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

    def _supplement_key(self, subscription_id: str, digest: str) -> str:
        # An id of the client's is no part of a path: its hash is.
        folder = hashlib.sha256(subscription_id.encode()).hexdigest()[:24]
        return f"{self._prefix}/supplements/{folder}/{digest}.json"
