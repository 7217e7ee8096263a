"""What `.engine`'s Python runs: MiniStack, with an end to its life.

Started by path with the lifetime in seconds and the engine's folder as arguments. It must import
the standard library only: the emulator's environment holds the emulator and nothing of ours.
"""

import os
import runpy
import signal
import sys
import threading


def main() -> None:
    """Serve until told to stop, or until the lifetime is over and nobody has."""
    lifetime_seconds = float(sys.argv[1])
    end = threading.Timer(lifetime_seconds, os.kill, (os.getpid(), signal.SIGTERM))
    end.daemon = True
    end.start()
    sys.argv = ["ministack"]
    runpy.run_module("ministack", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
