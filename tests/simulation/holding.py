"""How an auditor says that an invariant does not hold."""


class Broken(AssertionError):
    """An invariant does not hold; the text begins with its number."""


def hold(holds: bool, law: str, what: str) -> None:
    """Raise `Broken` with the number of a law and what was found, unless it holds."""
    if not holds:
        raise Broken(f"{law}: {what}")
