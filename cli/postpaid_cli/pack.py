"""Zips what was built, once for each content, for deployments onto the local engine.

`sam deploy` would zip every folder again each time, which is most of its time here: the renderer
and the layer are 170 MB. A deployment to AWS does not use this; SAM zips and uploads by itself.
"""

import hashlib
import re
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from postpaid_cli.checkout import BUILD, BUILT_TEMPLATE, PACKED, PACKED_TEMPLATE
from postpaid_cli.errors import LocalError

# The built template is SAM's own YAML: one such line for each folder.
_FOLDER_LINE = re.compile(r"^(\s+(?:CodeUri|ContentUri): )(\w+)$", re.MULTILINE)
_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same content makes the same zip, whenever it was built


def pack() -> None:
    """Make a zip for each built folder, and a template that names the zips."""
    if not BUILT_TEMPLATE.is_file():
        raise LocalError("There is nothing built to deploy: run `make build`.")
    PACKED.mkdir(exist_ok=True)
    template = BUILT_TEMPLATE.read_text(encoding="utf-8")
    names = sorted({match[2] for match in _FOLDER_LINE.finditer(template)})
    with ThreadPoolExecutor() as pool:  # zlib lets other threads run
        zips = dict(zip(names, pool.map(_zip, names), strict=True))
    for old in set(PACKED.glob("*.zip")) - set(zips.values()):
        old.unlink()
    packed = _FOLDER_LINE.sub(lambda match: f"{match[1]}{zips[match[2]].name}", template)
    PACKED_TEMPLATE.write_text(packed, encoding="utf-8")


def _zip(name: str) -> Path:
    """Zip one built folder, unless a zip of this content is there."""
    folder = BUILD / name
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    target = PACKED / f"{name}-{_digest(folder, files)}.zip"
    if target.exists():
        return target
    unfinished = target.with_suffix(".part")
    # The quickest level: on loopback, time to compress costs more than bytes.
    with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for file in files:
            entry = zipfile.ZipInfo(str(file.relative_to(folder)), _ZIP_EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o755 << 16  # Lambda runs as another user than the owner
            archive.writestr(entry, file.read_bytes())
    return unfinished.rename(target)


def _digest(folder: Path, files: list[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.relative_to(folder)}\n".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:16]
