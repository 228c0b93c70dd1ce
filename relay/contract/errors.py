"""What can go wrong, drawn once.

RelayError
├── ConfigError            config.yaml cannot be used; carries every problem at once
├── VerificationFailed     a hook's key, token or secret is wrong -> 401 (or 404 for a path secret)
├── MalformedPayload       a hook we cannot read -> 400 with this sentence
├── PayloadTooLarge        -> 413
├── UnsupportedContent     what cannot be sent; its sentences are told to the desk
├── StoreUnavailable       the store is away, frozen, full or refusing -> 503, nothing was promised
├── SendError              no answer from the other side; says whether it may have arrived
├── RemoteError            the other side answered, and said no
└── FetchRefused           a media address we will not or could not fetch
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from relay.contract.foreign_words import masking


class RelayError(Exception):
    """Base of all errors the relay raises on purpose. `str()` of each is a sentence for people."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with the configuration: `where` is `config.yaml:9`, `key` is `routes[0].desks[0]`."""

    where: str
    key: str
    message: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.where, self.key, self.message) if part)


class ConfigError(RelayError):
    """The configuration cannot be used. Carries all problems, in file order."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(p) for p in self.problems))


class VerificationFailed(RelayError):
    """The caller of a hook did not prove who it is."""


class MalformedPayload(RelayError):
    """A hook's body cannot be read; the message says what is wrong with it."""


class PayloadTooLarge(RelayError):
    """A hook's body or file is over the limit."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One reason why content cannot be sent, as a notice template's name and its facts."""

    notice: str  # name under templates/notices, e.g. "refused_too_many_options"
    facts: tuple[tuple[str, str], ...] = ()


class UnsupportedContent(RelayError):
    """Content that the destination cannot carry. Nothing of it has been sent."""

    def __init__(self, *refusals: Refusal) -> None:
        self.refusals = refusals
        super().__init__(", ".join(r.notice for r in refusals))


class StoreUnavailable(RelayError):
    """The store did not confirm. The caller must be asked to come back, never told that all is well."""


class SendError(RelayError):
    """No usable answer. `certain` is False when the request may have been processed all the same."""

    def __init__(self, reason: str, words: str = "", *, certain: bool) -> None:
        self.reason = reason
        self.words = masking(words)
        self.certain = certain
        super().__init__(self.words or reason)


class RemoteError(RelayError):
    """The other side answered with an error of its own. `code` is its code or our short word for it."""

    def __init__(self, code: str, words: str = "", *, status: int | None = None, remedy: str = "") -> None:
        self.code = code
        self.words = masking(words)
        self.status = status
        self.remedy = remedy
        super().__init__(f"{self.words or code}" + (f" ({remedy})" if remedy else ""))


class FetchRefused(RelayError):
    """A media address that leads to a private network, is too large, too slow or of a wrong kind. `transient`: its
    server is in trouble, and another try may have it."""

    def __init__(self, sentence: str, *, transient: bool = False) -> None:
        self.transient = transient
        super().__init__(sentence)
