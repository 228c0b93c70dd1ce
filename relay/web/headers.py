"""The headers of every page: nothing inline, nothing from elsewhere, nothing kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_POLICY: Final[Mapping[str, str]] = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data: blob:",
    "media-src": "'self' blob:",
    "connect-src": "'self'",
    "font-src": "'self'",
    "manifest-src": "'self'",
    "worker-src": "'self'",
    "frame-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
    "require-trusted-types-for": "'script'",
    "trusted-types": "'none'",
}


def policy(**changes: str | None) -> str:
    """The Content-Security-Policy. `changes`: directives by name with underscores, None to leave one out."""
    directives = {**_POLICY, **{name.replace("_", "-"): value for name, value in changes.items()}}
    return "; ".join(f"{name} {value}" for name, value in directives.items() if value is not None)


def page_headers(**changes: str | None) -> dict[str, str]:
    """Headers of a page; `changes` to its policy as in `policy`."""
    return {
        "Content-Security-Policy": policy(**changes),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), payment=(), usb=()",
        "Cache-Control": "no-store",
    }
