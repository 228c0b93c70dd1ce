"""Files that pages are made of, under an address that changes with their content, so browsers keep them for good.

The table of files is fixed when the process starts: what is not in it is a 404, whatever the path looks like.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from aiohttp import web

STATIC: Final = Path(__file__).parent / "static"
TYPES: Final = {
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
}
BUNDLES: Final = {
    "start/page.css": ("ui/base.css", "start/start.css"),
    "console/console.css": (
        "ui/base.css",
        "vendor/uplot-1.6.32/uplot.css",
        *(f"console/styles/{name}.css" for name in ("layout", "map", "letters")),
    ),
    "panel/panel.css": (
        "ui/base.css",
        *(f"panel/styles/{name}.css" for name in ("layout", "inbox", "thread", "composer", "dialogs")),
    ),
}
"""Style sheets that are sent as one, so that a page waits for a single file: name -> parts in order."""

_HEADERS: Final = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "X-Content-Type-Options": "nosniff",
    # An SVG opened by itself must not run anything.
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; sandbox",
    "Vary": "Accept-Encoding",
}


@dataclass(slots=True)
class _File:
    data: bytes
    type: str
    zipped: bytes | None = None  # made when first asked for


class Assets:
    """All files of one folder. `root` is their address: `/static/<hash>`."""

    def __init__(self, folder: Path = STATIC) -> None:
        self._files: dict[str, _File] = {}
        for path in sorted(folder.rglob("*")):
            kind = TYPES.get(path.suffix)
            if kind is not None and path.is_file():
                self._files[path.relative_to(folder).as_posix()] = _File(path.read_bytes(), kind)
        for name, parts in BUNDLES.items():
            if all(part in self._files for part in parts):
                self._files[name] = _File(b"\n".join(self._files[part].data for part in parts), TYPES[".css"])
        whole = hashlib.sha256()
        for name, file in sorted(self._files.items()):
            whole.update(f"{name}\0{len(file.data)}\0".encode())
            whole.update(file.data)
        self.root = f"/static/{whole.hexdigest()[:16]}"

    def url(self, name: str) -> str:
        """The address of a file. Raises KeyError for one that is not there: a page must not be served without it."""
        if name not in self._files:
            raise KeyError(name)
        return f"{self.root}/{name}"

    def routes(self) -> Sequence[web.RouteDef]:
        return [web.get(self.root + "/{name:.+}", self._serve)]

    async def _serve(self, request: web.Request) -> web.Response:
        file = self._files.get(request.match_info["name"])
        if file is None:
            raise web.HTTPNotFound
        headers = dict(_HEADERS)
        body = file.data
        if "gzip" in request.headers.get("Accept-Encoding", "") and len(body) > 500 and file.type != "image/png":
            if file.zipped is None:
                file.zipped = gzip.compress(file.data, 9, mtime=0)
            body, headers["Content-Encoding"] = file.zipped, "gzip"
        return web.Response(body=body, content_type=file.type, charset="utf-8", headers=headers)


@cache
def assets() -> Assets:
    """Ours, read once a process."""
    return Assets()
