"""The document bucket: immutable objects under the hash of their bytes."""

import hashlib
import json
from typing import TYPE_CHECKING, cast

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from postpaid.application.ports import LINK_LIFETIME, Unavailable
from postpaid.domain.invoice import Invoice
from postpaid.domain.invoice_content import InvoiceContent, content_from_plain, plain_content
from postpaid.domain.site import Scope

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


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
        self._prefix = f"{scope.site}/{scope.generation}/invoices"

    def put_content(self, content: InvoiceContent) -> str:
        """Store what an invoice says and return its hash; storing it twice changes nothing."""
        body = json.dumps(
            plain_content(content), sort_keys=True, separators=(",", ":"), ensure_ascii=False
        ).encode()
        assert content.invoice_id is not None, "a preview is never stored"
        return self._put_once(content.invoice_id, body, "json", "application/json")

    def get_content(self, invoice: Invoice) -> InvoiceContent:
        """Read what a finished invoice says."""
        assert invoice.content_hash is not None
        key = self._key(invoice.id, invoice.content_hash, "json")
        try:
            body = self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        except (ClientError, HTTPClientError, BotoCoreError) as error:
            raise Unavailable("S3 did not give the content of an invoice") from error
        assert hashlib.sha256(body).hexdigest() == invoice.content_hash, "content was altered"
        return content_from_plain(json.loads(body))

    def put_pdf(self, invoice_id: str, body: bytes) -> str:
        """Store a typeset document and return its hash; storing it twice changes nothing."""
        return self._put_once(invoice_id, body, "pdf", "application/pdf")

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

    def _put_once(self, invoice_id: str, body: bytes, suffix: str, media_type: str) -> str:
        digest = hashlib.sha256(body).hexdigest()
        try:
            self._client.put_object(
                Bucket=self._bucket,
                Key=self._key(invoice_id, digest, suffix),
                Body=body,
                ContentType=media_type,
                IfNoneMatch="*",
            )
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            # 412: the same bytes are there already.
            if status != 412:  # noqa: PLR2004 - Precondition Failed
                raise Unavailable("S3 did not store a document") from error
        except (HTTPClientError, BotoCoreError) as error:
            raise Unavailable("S3 did not answer") from error
        return digest

    def _key(self, invoice_id: str, digest: str, suffix: str) -> str:
        return f"{self._prefix}/{invoice_id}/{digest}.{suffix}"
