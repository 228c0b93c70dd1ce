"""Foreign exceptions of an exchange, mapped at the edge: what went wrong, and whether it may have arrived."""

from __future__ import annotations

import logging
import os
import ssl
from collections.abc import Sequence
from typing import Final

import aiohttp

from relay.contract.errors import FetchRefused, SendError

log = logging.getLogger(__name__)

# Exception, our short reason, a sentence ({host}, {port}, {why} are filled in; never the whole address, it may carry a
# token), and whether the request had been sent: True, False, or None for "if it had a connection". The first match
# counts, so narrow ones come before their parents.
MAPPING: Final[Sequence[tuple[type[BaseException], str, str, bool | None]]] = (
    (FetchRefused, "media_unavailable", "{error}", None),
    (aiohttp.ClientConnectorDNSError, "dns", "The host name {host} cannot be resolved.", False),
    (aiohttp.ClientConnectorCertificateError, "tls", "The certificate of {host} is not valid: {why}.", False),
    (aiohttp.ClientSSLError, "tls", "No secure connection to {host}: {why}.", False),
    (aiohttp.ServerFingerprintMismatch, "tls", "The certificate of {host} is not the expected one.", False),
    (aiohttp.ClientConnectorError, "refused", "No connection to {host}:{port}: {why}.", False),
    (aiohttp.ConnectionTimeoutError, "connect_timeout", "No connection came about in time.", False),
    (aiohttp.ServerTimeoutError, "timeout", "The other side did not answer in time.", None),
    (aiohttp.ServerDisconnectedError, "disconnected", "The other side hung up without an answer.", None),
    (aiohttp.ClientConnectionResetError, "reset", "The connection was reset.", None),
    (aiohttp.ClientOSError, "reset", "The connection broke: {why}.", None),
    (aiohttp.ClientConnectionError, "disconnected", "The connection was closed.", None),
    (aiohttp.UploadAbortedError, "disconnected", "The request could not be sent to its end.", None),
    (aiohttp.ClientPayloadError, "bad_response", "The answer broke off or cannot be decoded.", True),
    (aiohttp.NonHttpUrlClientError, "bad_request", "The address is not a valid http or https URL.", False),
    (aiohttp.InvalidURL, "bad_request", "The address is not a valid http or https URL.", False),
    (aiohttp.ClientResponseError, "bad_response", "The answer is not proper HTTP.", True),
    (aiohttp.http.HttpProcessingError, "bad_response", "The answer is not proper HTTP.", True),
    (aiohttp.ClientError, "failed", "The request failed ({why}).", None),
    (TimeoutError, "timeout", "The other side did not answer in time.", None),
    (ssl.SSLError, "tls", "The secure connection broke: {why}.", None),
    (ConnectionError, "reset", "The connection broke: {why}.", None),
    (OSError, "failed", "The request failed: {why}.", None),
    (EOFError, "disconnected", "The connection was lost.", None),
    (
        ValueError,
        "bad_request",
        "The request cannot be written as HTTP: a wrong address, or a header with a line break.",
        None,
    ),
)


def to_send_error(error: Exception, *, sent: bool, timeout_s: float = 0) -> SendError:
    """Pure: any exception of a request as a SendError. `sent`: a connection had been handed out to the request."""
    kind, reason, words, fixed = next(
        (row for row in MAPPING if isinstance(error, row[0])),
        (Exception, "failed", "The request failed ({why}).", None),
    )
    if kind is Exception:
        log.error("unforeseen exception of the HTTP client", exc_info=error)
    may_have_arrived = sent if fixed is None else fixed
    if reason == "timeout":
        if not may_have_arrived:
            reason, words = "connect_timeout", "No connection came about in time."
        if timeout_s:
            words += f" The limit was {timeout_s:g} s."
    said = words.format(
        error=error,
        host=getattr(error, "host", "?"),
        port=getattr(error, "port", "?"),
        why=_why(error),
    )
    return SendError(reason, said, certain=not may_have_arrived)


def _why(error: Exception) -> str:
    """The bare reason out of an OSError: no address, no file name, no line of somebody's C source."""
    inner: object = getattr(error, "certificate_error", None) or getattr(error, "os_error", None) or error
    if isinstance(inner, ssl.SSLCertVerificationError):
        return str(getattr(inner, "verify_message", "certificate verification failed")).rstrip(".")
    if isinstance(inner, ssl.SSLError):
        return (getattr(inner, "reason", None) or "TLS error").replace("_", " ").lower()
    strerror = getattr(inner, "strerror", None)
    # asyncio words a refused connection as "Connect call failed ('127.0.0.1', 9)".
    code = getattr(inner, "errno", None)
    if isinstance(code, int) and code > 0 and (strerror is None or "call failed" in str(strerror)):
        strerror = os.strerror(code)
    return str(strerror) if strerror else type(inner).__name__
