"""What a process has before any request: settings, clock, ids, log."""
