"""Files of others that browsers get: fetched from npm in exact versions, verified, and kept in the repository.

`make vendor` fetches what vendor.toml names with `npm pack` (which runs no script of a package), compares each tarball
with the `integrity` noted there, takes the files it names and writes their hashes back. With `--check`, as in
`make check`, it needs no network: it says which file differs from its hash, has no licence beside it, or is not named.
To take a new version: change `version`, delete `integrity`, run it, and read the difference.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

VENDOR = Path(__file__).parent.parent / "relay" / "web" / "static" / "vendor"
LIST = VENDOR / "vendor.toml"
HEADER = "# Written by requirements/vendor.py, which says how to change it. Hashes are of the files as they lie here.\n"


def main(arguments: list[str]) -> int:
    packages = tomllib.loads(LIST.read_text("utf-8"))["package"]
    if arguments == ["--check"]:
        problems = list(check(packages))
        print("\n".join(problems) or f"vendored files: {len(packages)} packages, all as noted")
        return 1 if problems else 0
    for package in packages:
        take(package)
    LIST.write_text(HEADER + "".join(written(p) for p in packages), "utf-8")
    return 0


def folder(package: dict[str, Any]) -> Path:
    """`@preact/signals` 2.11.4 lies in `preact-signals-2.11.4`."""
    return VENDOR / f"{package['name'].lstrip('@').replace('/', '-')}-{package['version']}"


def take(package: dict[str, Any]) -> None:
    """Fetch one package and write its files. Raises SystemExit where its tarball is not the one noted."""
    with tempfile.TemporaryDirectory() as where:
        spec = f"{package['name']}@{package['version']}"
        done = subprocess.run(  # noqa: S603
            ["npm", "pack", "--json", "--silent", spec],  # noqa: S607
            cwd=where,
            capture_output=True,
            check=True,
        )
        tarball = (Path(where) / json.loads(done.stdout)[0]["filename"].replace("@", "").replace("/", "-")).read_bytes()
    found = "sha512-" + base64.b64encode(hashlib.sha512(tarball).digest()).decode()
    if package.setdefault("integrity", found) != found:
        raise SystemExit(f"{spec}: the tarball is not the one that vendor.toml notes: {found}")
    with tarfile.open(fileobj=io.BytesIO(tarball)) as tar:
        contents = {m.name: tar.extractfile(m).read() for m in tar if m.isfile()}  # type: ignore[union-attr]
    target = folder(package)
    target.mkdir(exist_ok=True)
    licence = next(n for n in contents if n.lower() in ("package/license", "package/license.md", "package/license.txt"))
    (target / "LICENSE").write_bytes(contents[licence])
    for file in package["file"]:
        data = sprite(contents, file) if "icons" in file else contents["package/" + file["source"]]
        for old, new in package.get("patch", {}).items():
            data = data.replace(old.encode(), new.encode())
        data = b"".join(line for line in data.splitlines(True) if not line.startswith(b"//# sourceMappingURL="))
        (target / file["name"]).write_bytes(data)
        file["sha384"] = digest(data)
    print(f"{spec}: {', '.join(f['name'] for f in package['file'])}")


def sprite(contents: dict[str, bytes], file: dict[str, Any]) -> bytes:
    """The icons named, as one file of <symbol>s."""
    symbols = []
    for icon in file["icons"]:
        svg = contents[f"package/icons/{icon}.svg"].decode()
        inner = svg[svg.index(">", svg.index("<svg")) + 1 : svg.rindex("</svg>")]
        body = " ".join(line.strip() for line in inner.strip().splitlines())
        symbols.append(
            f'<symbol id="{icon}" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" '
            f'stroke-linecap="round" stroke-linejoin="round">{body}</symbol>\n'
        )
    return ('<svg xmlns="http://www.w3.org/2000/svg">\n' + "".join(symbols) + "</svg>\n").encode()


def digest(data: bytes) -> str:
    return base64.b64encode(hashlib.sha384(data).digest()).decode()


def check(packages: list[dict[str, Any]]) -> Iterator[str]:
    """What differs from vendor.toml, one sentence each."""
    named = {LIST}
    for package in packages:
        place = folder(package)
        named |= {place / "LICENSE", *(place / f["name"] for f in package["file"])}
        if not (place / "LICENSE").is_file():
            yield f"{place.name}: no LICENSE"
        if "integrity" not in package:
            yield f"{place.name}: no integrity in vendor.toml; run `make vendor`"
        for file in package["file"]:
            path = place / file["name"]
            if not path.is_file():
                yield f"{place.name}/{file['name']}: missing; run `make vendor`"
            elif digest(path.read_bytes()) != file.get("sha384"):
                yield f"{place.name}/{file['name']}: not the file that vendor.toml notes"
    for path in sorted(VENDOR.rglob("*")):
        if path.is_file() and path not in named:
            yield f"{path.relative_to(VENDOR)}: in no package of vendor.toml"


def written(package: dict[str, Any]) -> str:
    """One package as TOML."""
    lines = ["\n[[package]]"]
    lines += [f"{key} = {json.dumps(package[key])}" for key in ("name", "version", "licence", "integrity")]
    if patch := package.get("patch"):
        lines.append("patch = { " + ", ".join(f"{json.dumps(k)} = {json.dumps(v)}" for k, v in patch.items()) + " }")
    for file in package["file"]:
        lines.append("[[package.file]]")
        for key, value in file.items():
            lines.append(f"{key} = {json.dumps(value)}" if key != "icons" else _listed(value))
    return "\n".join(lines) + "\n"


def _listed(icons: list[str]) -> str:
    rows = [icons[i : i + 8] for i in range(0, len(icons), 8)]
    return "icons = [\n" + "".join("  " + ", ".join(json.dumps(x) for x in row) + ",\n" for row in rows) + "]"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
