"""Documents to download."""

from postpaid.api.chargebee.things import seconds
from postpaid.api.desk import Desk
from postpaid.api.http import Response
from postpaid.application.ports import LINK_LIFETIME


def download(desk: Desk, url: str) -> Response:
    """Answer with a link that works for some minutes of real time, also on a test site's clock."""
    return Response(
        200,
        {
            "download": {
                "download_url": url,
                "valid_till": seconds(desk.real_now() + LINK_LIFETIME),
                "mime_type": "application/pdf",
                "object": "download",
            }
        },
    )
