"""Make the document of a statement of usages and store it once, under the statement's hash.

crash before the store   the next run makes the same bytes
two runs at once         both make the same bytes; the second store changes nothing
"""

from typing import Protocol

from postpaid.domain.usage_statement import UsageStatement


class StatementTypesetter(Protocol):
    """What turns a statement of usages into a PDF."""

    def typeset(self, statement: UsageStatement) -> bytes:
        """Return the PDF; the same statement always gives the same bytes."""
        ...


class StatementPdfs(Protocol):
    """The statements of one site's usages, and their documents."""

    def get_statement(self, invoice_id: str, digest: str) -> UsageStatement:
        """Read a statement by its hash."""
        ...

    def has_statement_pdf(self, invoice_id: str, digest: str) -> bool:
        """Tell whether the document of a statement is there."""
        ...

    def put_statement_pdf(self, invoice_id: str, digest: str, body: bytes) -> None:
        """Store the document of a statement; storing it twice changes nothing."""
        ...


def render_statement(
    invoice_id: str, digest: str, *, documents: StatementPdfs, typesetter: StatementTypesetter
) -> None:
    """Render a statement once; one whose document is there is left alone.

    Raises `Unavailable`, also if there is no such statement.
    """
    if documents.has_statement_pdf(invoice_id, digest):
        return
    pdf = typesetter.typeset(documents.get_statement(invoice_id, digest))
    documents.put_statement_pdf(invoice_id, digest, pdf)
