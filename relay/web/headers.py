"""Headers of every page a person opens: nothing from elsewhere, nothing inline, nothing framed by strangers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_SOURCES: Final = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data: blob:",
    "media-src": "'self' blob:",
    "connect-src": "'self'",
    "font-src": "'self'",
    "manifest-src": "'self'",
    "worker-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "require-trusted-types-for": "'script'",
}


def page_headers(*, framed: bool = False, frames: bool = False, policies: str = "'none'") -> Mapping[str, str]:
    """Headers of one page.

    `framed`: our own pages may show it in a frame. `frames`: it may show our own pages in frames. `policies`: names of
    Trusted Types policies it may make; none of ours needs one.
    """
    sources = dict(_SOURCES)
    sources["frame-ancestors"] = "'self'" if framed else "'none'"
    sources["trusted-types"] = policies
    if frames:
        sources["frame-src"] = "'self'"
    return {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in sources.items()),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(self)",
        "Cache-Control": "no-store",
    }
