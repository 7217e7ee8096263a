"""The `postpaid` command. Runs on the operator's machine; nothing here ships to Lambda."""
