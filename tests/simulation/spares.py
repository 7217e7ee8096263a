"""Guards without which nothing goes wrong, and why they are there all the same."""

SPARE: dict[str, str] = {}
