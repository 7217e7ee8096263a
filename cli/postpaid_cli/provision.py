"""Makes the test site of a local stack, and its first keys."""

from postpaid_cli.errors import LocalError


def provision_local(outputs: dict[str, str], endpoint: str, clock: str | None) -> dict[str, str]:
    """Return the `admin_key` and `usage_key` of a new test site whose clock starts at *clock*."""
    raise LocalError(f"No site can be made yet at {endpoint} ({len(outputs)} outputs, {clock}).")
