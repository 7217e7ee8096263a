"""The native JSON door, `/v1`."""
