"""What config.yaml may say, as pydantic models: everything but the accounts, whose settings belong to their bridges.

Field descriptions are for people: they appear in `relay schema` and in complaints about what is missing.
"""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    SecretStr,
    Tag,
    field_validator,
)

from relay.config.alarms import Alarms
from relay.config.document import MAKE_A_KEY
from relay.contract import http_address
from relay.contract.durations import UNITS, Duration
from relay.contract.sizes import Size
from relay.store.server.address import StoreAddress

MINUTE, HOUR, DAY = UNITS["m"], UNITS["h"], UNITS["d"]
YEAR = 366 * DAY
MB = 1000 * 1000

Pause = Annotated[Duration, Field(gt=0, le=30 * DAY)]


class Section(BaseModel):
    """A part of config.yaml: frozen, and unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=False)


class Growing(Section):
    """Pauses that grow by a factor up to a longest one."""

    first: Pause = Field(default=5.0, description="The first pause.")
    factor: float = Field(default=3.0, ge=1, le=100, description="How much longer each pause is than the one before.")
    max: Pause = Field(default=6 * HOUR, description="The longest pause.")

    def pause_s(self, number: int) -> float:
        """The pause before try `number` (1 for the first further try), in seconds, without jitter."""
        pause = self.first
        for _ in range(number - 1):
            if pause >= self.max or self.factor == 1:
                break
            pause *= self.factor
        return min(pause, self.max)


def _shape(value: Any) -> str:
    return "growing" if isinstance(value, dict | Growing) else "list"


Backoff = Annotated[
    Annotated[tuple[Pause, ...], Field(min_length=1, max_length=100), Tag("list")] | Annotated[Growing, Tag("growing")],
    Discriminator(_shape),
]
"""A list of pauses whose last one repeats, or `{first, factor, max}`."""


def pause_s(backoff: tuple[float, ...] | Growing, number: int) -> float:
    """The pause before further try `number` (from 1), in seconds, without jitter; the last of a list repeats."""
    if isinstance(backoff, Growing):
        return backoff.pause_s(number)
    return backoff[min(max(number, 1), len(backoff)) - 1]


class Breaker(Section):
    """When a destination counts as down: then one probe at growing intervals, and no tries are used up."""

    failures: int = Field(default=20, ge=1, le=100_000, description="Failures in a row that open the breaker.")
    lanes: int = Field(default=5, ge=1, le=10_000, description="Conversations these failures must be spread over.")
    probe: Backoff = Field(
        default=Growing.model_validate({"first": "5s", "factor": 2, "max": "5m"}),
        description="Pauses between probes of an open breaker.",
    )

    def pause_s(self, number: int) -> float:
        """The pause before probe `number` (from 1), in seconds."""
        return pause_s(self.probe, number)


_YES_AND_NO = {"yes": True, "on": True, "true": True, "no": False, "off": False, "false": False}


def _yes_or_no(value: Any) -> Any:
    """`yes` and `off`, which YAML 1.2 takes for text, as they are meant; anything else as it is."""
    return _YES_AND_NO.get(value.strip().lower(), value) if isinstance(value, str) else value


def _switch(value: Any) -> Any:
    """`false` turns the breaker off, `true` means its defaults."""
    value = _yes_or_no(value)
    if value is False:
        return None
    return {} if value is True else value


class Delivery(Section):
    """How hard a message is tried. The jitter of ±10 % is fixed."""

    retries: int = Field(default=8, ge=0, le=1000, description="Further attempts after the first.")
    backoff: Backoff = Field(
        default=(5.0, 15.0, MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR),
        description="Pauses between attempts: a list whose last one repeats, or {first, factor, max}.",
    )
    timeout: Duration = Field(default=10.0, gt=0, le=120, description="How long one attempt may take.")
    concurrency: int = Field(
        default=100, ge=1, le=1000, description="Requests at once, per destination and worker process."
    )
    breaker: Annotated[Breaker | None, BeforeValidator(_switch, json_schema_input_type=Breaker | bool)] = Field(
        default=Breaker(), description="When a destination counts as down; false: never."
    )
    warn_before: Duration = Field(
        default=2 * HOUR,
        ge=0,
        le=DAY,
        description="How long before an answer is no longer possible desks are warned; 0: never.",
    )

    def pause_s(self, number: int) -> float:
        """The pause before further attempt `number` (from 1), in seconds, without jitter."""
        return pause_s(self.backoff, number)


class History(Section):
    """What is kept for people to look at: conversations, messages, figures."""

    store: str = Field(
        default="sqlite",
        repr=False,  # it may hold a password
        description="sqlite, postgresql://[user[:password]@]host[:port]/database, or off.",
    )
    keep: Duration = Field(default=365 * DAY, ge=DAY, le=100 * YEAR, description="How long it is kept.")

    @property
    def off(self) -> bool:
        """Whether nothing is kept: then there is no panel and no search."""
        return self.store == "off"

    @field_validator("store")
    @classmethod
    def _known(cls, store: str) -> str:
        if store in ("sqlite", "off"):
            return store
        try:
            parts = urlsplit(store)
            fine = parts.scheme in ("postgresql", "postgres") and len(parts.path.strip("/")) > 0
            fine = fine and not parts.fragment and (parts.port or 1) > 0
        except ValueError:
            fine = False
        if not fine:  # not repeated: it may hold a password
            raise ValueError("cannot be used; allowed is sqlite, postgresql://user:password@host/database, or off")
        return store


def _history(value: Any) -> Any:
    if _yes_or_no(value) is False:
        return {"store": "off"}
    return {"store": value} if isinstance(value, str) else value


class Metrics(Section):
    """Who may read /metrics."""

    public: bool = Field(default=True, description="Whether /metrics answers everyone who reaches it.")
    token: SecretStr | None = Field(
        default=None, min_length=1, description="With public: false, the bearer token that may read it."
    )


def _metrics(value: Any) -> Any:
    value = _yes_or_no(value)
    if isinstance(value, str):
        raise ValueError(f"found {value!r}; allowed is true, false, or {{public: false, token: …}}")
    return {"public": value} if isinstance(value, bool) else value


class Media(Section):
    """Files that desks upload, kept in data_dir/media until retention removes them."""

    max_file: Size = Field(
        default=64 * MB,
        ge=1,
        le=2_000 * MB,
        description="The largest upload that is read at all; what a channel takes is often less.",
    )
    links: Duration = Field(
        default=HOUR, ge=MINUTE, le=30 * DAY, description="How long a signed link to a file is good."
    )
    fetch_timeout: Duration = Field(default=30.0, gt=0, le=600, description="How long fetching a file may take.")


PANEL = "panel"


class PanelDesk(Section):
    """A desk of the relay's own: its operator panel in the browser. Nothing to connect, so nothing to set."""

    kind: Literal["panel"] = Field(description="The relay's own operator panel, at /panel.")


_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,252}[A-Za-z0-9])?")


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _one_or_more(value: Any) -> Any:
    if value is None or value == "":
        return ()
    return (value,) if isinstance(value, str | SecretStr) else value


KEY_LEAST = 32  # characters of a secret key: 16 bytes in hex, which nobody guesses


def _long_enough(key: SecretStr) -> SecretStr:
    """With one link that a short key signed it is found on a stranger's own machine, and with it every hook address."""
    if (length := len(key.get_secret_value())) < KEY_LEAST:
        raise ValueError(
            f"{length} characters can be guessed; at least {KEY_LEAST} are needed. Make one with `{MAKE_A_KEY}`"
        )
    return key


class Route(Section):
    """Where a channel's messages go, and who answers them."""

    channel: str = Field(description="A name under channels.")
    desks: tuple[str, ...] = Field(min_length=1, description="Names under desks; each gets every message.")


class Settings(Section):
    """config.yaml: the whole deployment in one file."""

    public_url: str | None = Field(default=None, description="Where outside systems reach us; default http://<listen>.")
    listen: str = Field(default="127.0.0.1:8080", description="Address and port of the web server; port 0: any free.")
    secret_key: Annotated[
        tuple[Annotated[SecretStr, Field(min_length=1), AfterValidator(_long_enough)], ...],
        BeforeValidator(_one_or_more, json_schema_input_type=str | list[str] | None),
    ] = Field(
        default=(),
        max_length=20,
        description="Signs hook addresses, media links and sessions. A list rotates: the first signs, all are taken.",
    )
    store: StoreAddress = Field(
        default=StoreAddress(),
        description="embedded, or the address of a Redis or Valkey: redis://, rediss://, unix://, redis+sentinel://.",
    )
    fsync: Literal["always", "everysec"] = Field(
        default="always", description="Embedded store: when a message counts as on disk."
    )
    data_dir: Path = Field(default=Path("data"), description="Embedded store and media; relative to this file.")
    templates_dir: Path | None = Field(default=None, description="Your own templates, looked at before ours.")
    locale: Literal["en", "ru"] = Field(default="en", description="Language of notices and pages.")
    channels: dict[str, Any] = Field(min_length=1, description="Where customers write, by name.")
    desks: dict[str, Any] = Field(min_length=1, description="Where your people answer, by name.")
    routes: tuple[Route, ...] = Field(min_length=1, description="Which channel goes to which desks.")
    delivery: Delivery = Field(default=Delivery(), description="How hard a message is tried.")
    history: Annotated[History, BeforeValidator(_history, json_schema_input_type=History | str | bool)] = Field(
        default=History(), description="What is kept for people to look at; off: no panel, no search."
    )
    retention: Duration = Field(
        default=14 * DAY,
        ge=3 * DAY,
        le=100 * YEAR,
        description="How long a finished message and its files stay in the store; with history off: 90d.",
    )
    sandboxes: Literal["expose"] | None = Field(
        default=None,
        description="`expose`: sandboxes may stand beside real accounts, and where strangers can reach them.",
    )
    provision: bool = Field(default=True, description="Whether `run` registers our hook addresses by itself.")
    metrics: Annotated[Metrics, BeforeValidator(_metrics, json_schema_input_type=Metrics | bool)] = Field(
        default=Metrics(), description="Who may read /metrics: true, everybody; false, nobody; or {public, token}."
    )
    max_body: Size = Field(
        default=72 * MB, ge=64_000, le=4_000 * MB, description="The most one hook may hold, with its files."
    )
    media: Media = Field(default=Media(), description="Files that desks upload.")
    trusted_proxies: Annotated[
        tuple[str, ...], BeforeValidator(_one_or_more, json_schema_input_type=str | list[str])
    ] = Field(
        default=(),
        max_length=100,
        description="Addresses or networks of proxies whose X-Forwarded-For and -Proto are believed.",
    )
    alarms: Alarms = Field(default=Alarms(), description="Who is told when something is wrong.")
    sentry_dsn: SecretStr | None = Field(default=None, description="Where errors are reported; none: nowhere.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="How much is logged.")

    @field_validator("public_url")
    @classmethod
    def _address(cls, url: str | None) -> str | None:
        if not url:
            return None
        allowed = "allowed is an address such as https://relay.example.com"
        parts = http_address(url)
        if parts is None or any(c.isspace() or not c.isprintable() for c in url):
            raise ValueError(f"found {url!r}; {allowed}")
        if parts.username is not None or parts.query or parts.fragment:
            raise ValueError(f"there must be no user, ? or # in it; {allowed}")
        return url.rstrip("/")

    @field_validator("listen")
    @classmethod
    def _host_and_port(cls, listen: str) -> str:
        host, colon, port = listen.rpartition(":")
        bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
        wrong = not colon or not bare or (":" in bare) != (bare != host) or not port.isascii() or not port.isdecimal()
        if wrong or not (_HOST.fullmatch(bare) or _is_address(bare)):
            raise ValueError(
                f"found {listen!r}; allowed is host:port, such as 127.0.0.1:8080 (this machine only) "
                "or 0.0.0.0:8080 (every address of this machine)"
            )
        if int(port) > 65535:
            raise ValueError(f"found port {port}; allowed is 0 to 65535")
        return listen

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for one in given:
            try:
                ipaddress.ip_network(one, strict=False)
            except ValueError:
                raise ValueError(f"found {one!r}; allowed is an address or a network: 10.0.0.7, 10.0.0.0/8") from None
        return given

    @field_validator("sentry_dsn")
    @classmethod
    def _usable_dsn(cls, dsn: SecretStr | None) -> SecretStr | None:
        if dsn is None or not dsn.get_secret_value():
            return None
        parts = http_address(dsn.get_secret_value())
        if parts is None or not parts.username or not parts.path.rpartition("/")[2].isdecimal():
            raise ValueError(
                "is not a DSN; allowed is https://key@host/number, as Sentry shows it in the project's settings"
            )
        return dsn

    @property
    def host(self) -> str:
        """The host part of `listen`, without brackets."""
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """The port part of `listen`; 0: any free one."""
        return int(self.listen.rpartition(":")[2])
