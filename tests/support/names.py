"""Names of cases that are the same in every process, so that two can share the tests."""


def named(part: object) -> str:
    """Return the text of a part of a case, without its address or the chance order of a set."""
    if isinstance(part, set | frozenset):
        return str(sorted(part, key=str))
    return getattr(part, "__name__", None) or str(part)
