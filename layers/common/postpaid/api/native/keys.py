"""The site itself, its API keys, and what its usage URLs know it by."""

from pydantic import Field

from postpaid.api.desk import Desk
from postpaid.api.http import Request, Response, bearer_or_basic
from postpaid.api.json_body import read_json_object
from postpaid.api.native.lists import check_query
from postpaid.api.native.models import Body, SiteChange, Text, policy_of, read
from postpaid.api.native.shapes import native_from_api_key, native_from_site, native_list
from postpaid.application.api_keys import check_scopes, create_key, revoke_key, site_secret
from postpaid.application.keep import KEEP
from postpaid.application.sites import ChangeSite, change_site
from postpaid.domain.api_key import KeyPair, read_key, usage_url_token
from postpaid.domain.errors import Invalid
from postpaid.domain.site import LatePolicy, TaxRounding
from postpaid.domain.usage import Aggregation


class KeyBody(Body):
    """`POST /v1/api-keys`."""

    scopes: list[str] = Field(min_length=1, max_length=5)
    label: Text = "unnamed"


def get_site(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """Show the caller's site."""
    return Response(200, native_from_site(desk.site))


def patch_site(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """Change settings of the caller's site."""
    body = read(SiteChange, read_json_object(request.body, request.headers))
    if not body.model_fields_set:
        raise Invalid("missing_field", "name a setting to change")
    for name in sorted(body.model_fields_set):
        if getattr(body, name) is None and name != "usage_records_max":
            raise Invalid("invalid_field", "a setting cannot be taken away", field=name)
    command = ChangeSite(
        timezone=body.timezone,
        currency=body.currency,
        closing=policy_of(body.closing),
        seller=None if body.seller is None else body.seller.party(),
        number_prefix=body.number_prefix,
        series=[] if body.series is None else [each.named() for each in body.series],
        aggregation=None if body.aggregation is None else Aggregation(body.aggregation),
        tax_rounding=None if body.tax_rounding is None else TaxRounding(body.tax_rounding),
        bounds=None if body.bounds is None else body.bounds.bounds(),
        late=None if body.late_usage is None else LatePolicy(body.late_usage),
        usage_records_max=body.usage_records_max
        if "usage_records_max" in body.model_fields_set
        else KEEP,
    )
    return Response(
        200, native_from_site(change_site(desk.scope.site, command, sites=desk.all_sites))
    )


def list_keys(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """List the site's keys, without their secrets; there are few, so they come in one page."""
    check_query(request, set())
    return Response(
        200, native_list(map(native_from_api_key, desk.ring.of_site(desk.scope.site)), None)
    )


def post_key(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """Create a key; its text and its private part are in this answer and never again."""
    body = read(KeyBody, read_json_object(request.body, request.headers))
    check_scopes(body.scopes)
    secret = _site_secret(desk)
    key, text = create_key(
        desk.site,
        body.scopes,
        body.label,
        parts=desk.new_key_parts(),
        ring=desk.ring,
        now=desk.now,
    )
    pair = KeyPair.of(key, secret)
    shown = {"public_key": pair.public, "private_key": pair.private}
    return Response(201, {**native_from_api_key(key), "key": text, "chargeover": shown})


def delete_key(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:
    """Revoke a key other than the caller's own, so that a site cannot lock itself out."""
    caller = read_key(bearer_or_basic(request.headers) or "")
    if caller is not None and caller.id == ids[0]:
        raise Invalid("invalid_field", "a key cannot revoke itself", field="id")
    key = revoke_key(desk.site, ids[0], ring=desk.ring, now=desk.now)
    return Response(200, native_from_api_key(key))


def get_usage_url_token(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """Show what usage URLs know the site by; a site without a secret gets one."""
    return Response(200, {"security_token": usage_url_token(_site_secret(desk))})


def _site_secret(desk: Desk) -> str:
    new_secret = desk.new_key_parts()[1]
    return site_secret(desk.site, secrets=desk.site_secrets, new_secret=new_secret)
