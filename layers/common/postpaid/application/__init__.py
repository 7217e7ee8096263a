"""Use cases, one verb per file; what they need from outside is in `ports`."""
