"""What a request of this door says by its path, and by its query."""

from dataclasses import replace

from postpaid.api.http import Request

# What may stand behind an invoice's number in a path.
_INVOICE_VERBS = frozenset(
    {
        *("add_charge_item", "close", "delete", "delete_line_items", "pdf", "sync_usages", "void"),
    }
)
_INVOICES = ("api", "v2", "invoices")


def with_joined_number(request: Request) -> Request:
    """Return a request whose invoice number is one part of its path, with slashes in it.

    Numbers may hold slashes (`2026/INV-000361`), and the SDKs send those as they are. The path of a
    POST ends with a verb, though that may not be served: it is no part of the number.
    """
    if request.path[:3] != _INVOICES or len(request.path) <= len(_INVOICES) + 1:
        return request
    rest = list(request.path[3:])
    has_verb = rest[-1] in _INVOICE_VERBS or request.method == "POST"
    verbs = [rest.pop()] if has_verb else []
    if not rest:
        return request
    return replace(request, path=(*_INVOICES, "/".join(rest), *verbs))


def without_empty(request: Request) -> Request:
    """Return a request without the empty parameters of its query, as if they had not been sent.

    The SDKs send `None` so, and a loop over pages begins with an `offset` of `None`. A filter stays
    and is refused: a list without it would be another one.
    """
    query = {name: text for name, text in request.query.items() if text or "[" in name}
    return replace(request, query=query)
