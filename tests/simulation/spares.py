"""Guards without which nothing goes wrong, and why they are there all the same."""

SPARE: dict[str, str] = {}
# Writes with conditions that no two handlers meet at, and what shows their conditions instead.
UNMET: dict[str, str] = {}
