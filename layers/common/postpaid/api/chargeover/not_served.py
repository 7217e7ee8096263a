"""What the vendor's API has and this door has not, and why: nothing of it is ever stored."""

from collections.abc import Mapping

_CARDS = "Cards and bank accounts are never stored here."
_NO_REPORTS = "There are no reports here: read lists instead."
OBJECTS: Mapping[str, str] = {
    "creditcard": _CARDS,
    "ach": _CARDS,
    "tokenized": _CARDS,
    "_chargeoverjs": _CARDS,
    "gateway": "There are no payment gateways here.",
    "quote": "There are no quotes here.",
    "coupon": "There are no coupons here.",
    "user": "A customer has one contact, its superuser_name, superuser_email and superuser_phone.",
    "_resthook": "Nothing is sent to rest hooks here.",
    "_aggregate": _NO_REPORTS,
    "_report": _NO_REPORTS,
    "_config": "The site is set up in the native API.",
    "admin": "The site is set up in the native API.",
    "brand": "The site is set up in the native API.",
    "terms": "Terms are a number of days: say terms_days of a customer.",
    "currency": "Currencies are those of ISO 4217, and the site's is set in the native API.",
    "language": "Documents are written in one language.",
    "country": "Countries are written as the client likes.",
    "class": "There are no classes here.",
    "category": "There are no categories of items here.",
    "campaign": "There are no campaigns here.",
    "note": "There are no notes here: custom fields keep a text.",
    "tag": "There are no tags here: custom fields keep a text.",
    "taxgroup": "Taxes are set in the native API.",
    "taxrate": "Taxes are set in the native API.",
    "obligation": "There is no revenue recognition here.",
}
_MADE_BY_PACKAGES = "Invoices are made of packages: use the action invoice of a package."
_FIXED = "What an invoice says never changes: void it."
_NO_GATEWAY = "Nothing is collected or refunded here: record what was paid elsewhere."
_STAYS = "A payment that was recorded stays."
# By method and path below `/api/v3`.
COMMANDS: Mapping[tuple[str, str], str] = {
    ("POST", "invoice"): _MADE_BY_PACKAGES,
    ("PUT", "invoice/{}"): _FIXED,
    ("DELETE", "invoice/{}"): _FIXED,
    ("POST", "invoice/{}/_action/email"): "No e-mail is sent here.",
    ("POST", "invoice/{}/_action/print"): "Nothing is printed and sent by post here.",
    ("POST", "invoice/{}/_action/pay"): _NO_GATEWAY,
    ("POST", "invoice/{}/_action/approve"): "An invoice needs no approval: it is issued at once.",
    ("POST", "transaction/_action/pay"): _NO_GATEWAY,
    ("POST", "transaction/{}/_action/refund"): _NO_GATEWAY,
    ("POST", "transaction/{}/_action/void"): _STAYS,
    ("POST", "transaction/{}/_action/email"): "No e-mail is sent here.",
    ("PUT", "transaction/{}"): _STAYS,
    ("DELETE", "transaction/{}"): _STAYS,
}
