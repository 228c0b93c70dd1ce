"""`GET /media/<token>[/<filename>]`: the only way to a stored file from outside.

The signature is the permission. The type is the one the store decided from the bytes; nothing a browser would run is
ever among them, and the headers say so once more: nosniff, a sandboxing policy, and `attachment` for all but plain
pictures, sound and film (PITFALLS 3.3).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from aiohttp import hdrs, web

from relay.media.library import MediaStore
from relay.media.links import MEDIA_MAX_AGE_S, LinkExpired, LinkInvalid, read_media
from relay.media.local_files import safe_filename

# What may be shown in place. Everything else is a download.
INLINE: Final = frozenset(
    {
        "image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp", "image/x-icon",
        "video/mp4", "video/webm", "video/ogg", "video/quicktime", "video/3gpp",
        "audio/mpeg", "audio/mp4", "audio/aac", "audio/ogg", "audio/wav", "audio/flac", "audio/amr",
    }
)  # fmt: skip

HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    hdrs.CACHE_CONTROL: "private, no-store",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "X-Robots-Tag": "noindex",
}


def media_routes(store: MediaStore, keys: Sequence[str], *, max_age_s: int = MEDIA_MAX_AGE_S) -> list[web.RouteDef]:
    """The routes, for `app.add_routes`. HEAD and Range come with them."""
    keys = tuple(keys)

    async def media(request: web.Request) -> web.StreamResponse:
        try:
            link = read_media(keys, request.match_info["token"], max_age_s=max_age_s)
        except LinkExpired:
            return _no(410, "This link has ended. Ask for the message again to get a new one.")
        except LinkInvalid:
            return _no(404, "There is no such file.")
        file = await store.open(link.file_id)
        if file is None:
            return _no(410, "This file is no longer kept.")
        name = safe_filename(link.filename or file.filename)
        headers = HEADERS | {
            hdrs.CONTENT_TYPE: file.mime + ("; charset=utf-8" if file.mime == "text/plain" else ""),
            hdrs.CONTENT_DISPOSITION: disposition(name, inline=file.mime in INLINE),
        }
        return web.FileResponse(file.path, headers=headers)

    return [
        web.get("/media/{token:[A-Za-z0-9_.-]+}", media),
        web.get("/media/{token:[A-Za-z0-9_.-]+}/{filename:[^/]*}", media),
    ]


def disposition(name: str, *, inline: bool) -> str:
    """A Content-Disposition with the name in plain ASCII and, for those who can, as it is (RFC 6266)."""
    plain = name.encode("ascii", "replace").decode().replace("?", "_").replace('"', "_")
    kind = "inline" if inline else "attachment"
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _no(status: int, sentence: str) -> web.Response:
    headers = {k: v for k, v in HEADERS.items() if k != "Cross-Origin-Resource-Policy"}
    return web.Response(status=status, text=sentence + "\n", headers=headers)
