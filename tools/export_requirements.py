"""Write the requirements files that SAM installs from uv.lock; with --check, only compare them."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UV = ROOT / ".tools" / "bin" / "uv"

# Who ships what: the layer its package's dependencies, the renderer what only it needs.
EXPORTS = {
    "layers/common/requirements.txt": ["--package", "postpaid-common", "--no-dev"],
    "functions/render_invoice/requirements.txt": ["--only-group", "render"],
}
# Plain pins: hashes would make pip refuse to mix platforms, annotations differ between machines.
FORM = ["--no-emit-workspace", "--no-hashes", "--no-header", "--no-annotate"]


def main() -> int:
    """Export every file; return a process exit status."""
    stale = []
    for name, selection in EXPORTS.items():
        content = export(selection)
        path = ROOT / name
        if path.exists() and path.read_text(encoding="utf-8") == content:
            continue
        stale.append(name)
        if "--check" not in sys.argv:
            path.write_text(content, encoding="utf-8")
    for name in stale:
        print(f"{name} {'is stale: run `make lock`' if '--check' in sys.argv else 'written'}")
    return 1 if stale and "--check" in sys.argv else 0


def export(selection: list[str]) -> str:
    """Return one selection of the lock as a requirements file."""
    command = [str(UV), "export", "--quiet", "--frozen", *selection, *FORM]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    sys.exit(main())
