"""A configuration that is right: what it means. And the parts that are pure."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, TypeAdapter

from relay.config.document import parse as parse_document
from relay.config.json_schema import json_schema
from relay.config.load import Config, load, parse
from relay.config.masking import mask_url
from relay.config.secret_keys import secret_keys
from relay.config.settings import Backoff, Growing, pause_s
from relay.config.suggestions import nearest
from relay.contract.errors import ConfigError
from relay.contract.model import Role
from relay.contract.sizes import format_size, parse_size
from relay.store.server.address import StoreAddress
from tests.unit.fake_kinds import ENV, GOOD, KINDS, GroupSettings

LONG = "0123456789abcdef0123456789abcdef"


def config_of(text: str, env: dict[str, str] | None = None, path: Path = Path("config.yaml")) -> Config:
    return parse(text, KINDS, env=ENV if env is None else env, path=path)


def test_a_minimal_file_has_sensible_defaults():
    config = config_of(GOOD)
    assert (config.host, config.port, config.base_url) == ("127.0.0.1", 8080, "http://127.0.0.1:8080")
    assert config.store.embedded
    assert (config.fsync, config.locale, config.provision) == ("always", "en", True)
    assert config.delivery.retries == 8
    assert [config.delivery.pause_s(n) for n in range(1, 11)] == [
        5, 15, 60, 300, 900, 3600, 10800, 21600, 21600, 21600,
    ]  # fmt: skip
    assert (config.delivery.timeout, config.delivery.concurrency) == (10, 100)
    assert config.delivery.breaker is not None
    assert (config.delivery.breaker.failures, config.delivery.breaker.lanes) == (20, 5)
    assert config.retention == 14 * 86400
    assert (config.history.store, config.history.keep) == ("sqlite", 365 * 86400)
    assert config.trusted_proxies == () and config.sandboxes is None
    assert config.metrics.public
    assert config.warnings == ()


def test_accounts_keep_their_order_roles_and_settings():
    config = config_of(GOOD)
    assert [(a.name, a.role, a.kind) for a in config.accounts.values()] == [
        ("shop", Role.CHANNEL, "insta"),
        ("panel", Role.DESK, "operator"),
        ("sales", Role.DESK, "team"),
    ]
    token = getattr(config.accounts["shop"].settings, "token", None)
    assert isinstance(token, SecretStr)
    assert token.get_secret_value() == "hunter22"
    assert config.only_own


def test_routes_answer_both_questions():
    two = GOOD.replace("desks:\n", "  second: {kind: insta, url: sandbox, token: x}\ndesks:\n", 1)
    config = config_of(two + "  - {channel: second, desks: [sales]}\n")
    assert config.desks_for("shop") == ("panel", "sales")
    assert config.desks_for("second") == ("sales",)
    assert config.channels_for("sales") == ("shop", "second")
    assert config.channels_for("panel") == ("shop",)
    assert config.desks_for("nobody") == ()


def test_everything_the_surface_promises_can_be_written(tmp_path: Path):
    (tmp_path / "dsn").write_text("https://key@sentry.example.com/1\n")
    (tmp_path / "texts").mkdir()
    config = config_of(
        GOOD
        + """
public_url: https://relay.example.com/
listen: "[::1]:9000"
secret_key: [new-0123456789abcdef0123456789abcdef, "${OLD_KEY}"]
history: {store: "postgresql://relay:pass@db/relay", keep: 90d}
trusted_proxies: [127.0.0.1, 10.0.0.0/8]
sandboxes: expose
store: redis+sentinel://:pass@one,two:26380/main/2
data_dir: state
templates_dir: texts
locale: ru
delivery:
  retries: 3
  backoff: {first: 2s, factor: 2, max: 1m}
  timeout: 2500ms
  concurrency: 7
  breaker: {failures: 3, lanes: 2, probe: [1s, 2s]}
  warn_before: 30m
retention: 7d
provision: no
metrics: {public: false, token: scrape-me}
max_body: 80MB
media: {max_file: 30MB, links: 30m, fetch_timeout: 5s}
sentry_dsn: ${file:dsn}
log_level: debug
""",
        ENV | {"OLD_KEY": "old-0123456789abcdef0123456789abcdef"},
        tmp_path / "config.yaml",
    )
    assert config.base_url == "https://relay.example.com"
    assert (config.host, config.port, config.local_url) == ("::1", 9000, "http://[::1]:9000")
    assert [k.get_secret_value() for k in config.secret_key] == [
        "new-0123456789abcdef0123456789abcdef",
        "old-0123456789abcdef0123456789abcdef",
    ]
    assert config.store.hosts == (("one", 26379), ("two", 26380))
    assert (config.store.service, config.store.db) == ("main", 2)
    assert config.data_dir == tmp_path / "state"
    assert config.templates_dir == tmp_path / "texts"
    assert [config.delivery.pause_s(n) for n in (1, 2, 3, 6, 7, 500)] == [2, 4, 8, 60, 60, 60]
    assert config.delivery.timeout == 2.5
    assert config.delivery.breaker is not None
    assert pause_s(config.delivery.breaker.probe, 9) == 2
    assert not config.provision
    assert config.metrics.token is not None
    assert config.media.max_file == 30_000_000
    assert config.sentry_dsn is not None
    assert config.sentry_dsn.get_secret_value() == "https://key@sentry.example.com/1"


@pytest.mark.parametrize(
    ("written", "on"),
    [("breaker: false", False), ("breaker: true", True), ("breaker: {failures: 1}", True), ("retries: 0", True)],
)
def test_the_breaker_can_be_switched_off(written: str, on: bool):
    config = config_of(f"{GOOD}delivery: {{{written}}}\n")
    assert (config.delivery.breaker is not None) is on


@pytest.mark.parametrize(("written", "public"), [("false", False), ("no", False), ("yes", True), ("true", True)])
def test_metrics_yes_and_no_are_shorthands(written: str, public: bool):
    assert config_of(f"{GOOD}metrics: {written}\n").metrics.public is public


@pytest.mark.parametrize("written", ["off", "false", "{store: off}"])
def test_without_history_the_store_keeps_messages_longer(written: str):
    config = config_of(f"{GOOD}history: {written}\n")
    assert config.history.off
    assert config.retention == 90 * 86400
    assert config_of(f"{GOOD}history: {written}\nretention: 5d\n").retention == 5 * 86400


def test_the_environment_wins_over_what_is_written_and_says_so():
    env = ENV | {"RELAY_LISTEN": "127.0.0.1:9999", "RELAY_TRUSTED_PROXIES": "10.0.0.1, 10.0.0.2", "RELAY_LOCALE": ""}
    config = config_of(GOOD + "listen: 127.0.0.1:80\nlocale: ru\nsandboxes: expose\n", env)
    assert (config.listen, config.locale, config.trusted_proxies) == ("127.0.0.1:9999", "ru", ("10.0.0.1", "10.0.0.2"))
    assert config.overrides == {"listen": "RELAY_LISTEN", "trusted_proxies": "RELAY_TRUSTED_PROXIES"}


@pytest.mark.parametrize("written", ["12345", "007", "1e5", "true", "0x1F", "12_3", "1:30", "2020-01-01", "0.10"])
def test_an_unquoted_token_is_what_was_written(written: str):
    """YAML would make numbers, times and dates of these, and `007` would lose its zeros."""
    config = config_of(GOOD.replace("key: abc", f"key: {written}"))
    key = getattr(config.accounts["sales"].settings, "key", None)
    assert isinstance(key, SecretStr)
    assert key.get_secret_value() == written


def test_what_is_put_in_stays_text_and_becomes_what_the_setting_wants():
    env = ENV | {"TOKEN": "12345", "N": "3", "OFF": "false", "WAIT": "5s"}
    config = config_of(GOOD + "delivery: {retries: ${N}, timeout: '${WAIT}'}\nprovision: ${OFF}\n", env)
    token = getattr(config.accounts["shop"].settings, "token", None)
    assert isinstance(token, SecretStr)
    assert token.get_secret_value() == "12345"
    assert (config.delivery.retries, config.delivery.timeout, config.provision) == (3, 5.0, False)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("${TOKEN}", "hunter22"),
        ("${NOPE:-fallback}", "fallback"),
        ("${EMPTY:-fallback}", "fallback"),
        ("${NOPE:-a: b, {c}", None),
        ("'${NOPE:-it: is, [fine] #1}'", "it: is, [fine] #1"),
        ("${NOPE:-it:is,[fine]#1}", "it:is,[fine]#1"),
        ("a-${TOKEN}-b", "a-hunter22-b"),
        ("$${TOKEN}", "${TOKEN}"),
        ("$TOKEN", "$TOKEN"),
        ('"${TOKEN}${TOKEN}"', "hunter22hunter22"),
    ],
)
def test_interpolation(written: str, value: str | None):
    text = GOOD.replace("key: abc", f"key: {written}")
    if value is None:
        with pytest.raises(ConfigError):
            config_of(text, ENV | {"EMPTY": ""})
        return
    config = config_of(text, ENV | {"EMPTY": ""})
    key = getattr(config.accounts["sales"].settings, "key", None)
    assert isinstance(key, SecretStr)
    assert key.get_secret_value() == value


def test_anchors_and_merge_keys_work():
    text = """
channels:
  shop: &shop {kind: insta, url: sandbox, token: x}
  other: {<<: *shop, token: y}
desks:
  panel: {kind: operator, url: sandbox}
routes:
  - {channel: shop, desks: &all [panel]}
  - {channel: other, desks: *all}
"""
    config = config_of(text)
    tokens = [getattr(a.settings, "token", SecretStr("")).get_secret_value() for a in config.of_role(Role.CHANNEL)]
    assert tokens == ["x", "y"]


@pytest.mark.parametrize(
    ("listen", "url"),
    [
        ("0.0.0.0:80", "http://127.0.0.1:80"),
        ("'[::]:81'", "http://[::1]:81"),
        ("localhost:0", "http://localhost:0"),
    ],
)
def test_the_address_of_this_machine(listen: str, url: str):
    assert config_of(f"{GOOD}listen: {listen}\nsandboxes: expose\n").base_url == url


# --- warnings, summary, schema -------------------------------------------------------------------------------------


def test_what_is_probably_not_meant_is_a_warning():
    text = GOOD.replace("url: sandbox, key", "url: https://team.example.com, key")
    text += f"secret_key: {LONG}\nsandboxes: expose\n"
    text = text.replace("routes:", "  idle: {kind: operator, url: sandbox}\nroutes:")
    assert [str(w) for w in config_of(text).warnings] == [
        "config.yaml:1: public_url: outside systems cannot reach http://127.0.0.1:8080; "
        "set public_url to our public address",
        "config.yaml:6: desks.idle: in no route: nothing will reach this desk",
        "config.yaml:10: sandboxes: whoever reaches the sandboxes reads and writes as anybody there",
    ]


def test_neither_summary_nor_repr_shows_a_secret():
    text = GOOD + f"secret_key: {LONG}\nstore: redis://me:topsecret@db/1\nsentry_dsn: https://dsnkey@s.example.com/1\n"
    text = text.replace("url: sandbox, key", "url: 'https://bob:topsecret@team.example.com', key")
    config = config_of(
        text + "sandboxes: expose\nhistory: postgresql://me:topsecret@db/relay\nmetrics: {token: topsecret}\n"
    )
    summary = json.dumps(config.summary())
    for shown in (summary, repr(config), str(config)):
        for secret in ("hunter22", LONG, "topsecret", "dsnkey"):
            assert secret not in shown
    assert config.summary()["store"] == "redis://***@db:6379/1"
    assert config.summary()["desks"]["sales"]["url"] == "https://***@team.example.com"
    assert config.summary()["delivery"]["backoff"][:2] == ["5s", "15s"]
    assert config.summary()["retention"] == "14d"


def test_the_schema_is_one_and_takes_what_we_take():
    schema = json_schema(KINDS.values())
    jsonschema_rs.meta.validate(schema)
    validator = jsonschema_rs.Draft202012Validator(schema)
    for text in (
        GOOD,
        GOOD + "delivery: {retries: 3, backoff: [5s, 0.5h], breaker: false, timeout: '${T}'}\nsecret_key: [a, b]\n",
        GOOD + "delivery: {retries: '${N}', backoff: {first: 5s}}\nmetrics: false\nstore: unix:///run/redis.sock\n",
    ):
        raw = _raw(text)
        assert [e.message for e in validator.iter_errors(raw)] == []


@pytest.mark.parametrize(
    "text",
    [
        GOOD.replace("insta", "insat"),
        GOOD.replace("kind: insta", "kind: team"),
        GOOD.replace("token:", "tokn:"),
        GOOD.replace("shop: {", "Shop: {"),
        GOOD + "delivery: {retries: -1}\n",
        GOOD + "delivery: {timeout: 10}\n",
        GOOD + "locale: de\n",
        GOOD + "lisen: x\n",
        "channels: {}\n",
    ],
)
def test_the_schema_refuses_what_we_refuse(text: str):
    validator = jsonschema_rs.Draft202012Validator(json_schema(KINDS.values()))
    assert not validator.is_valid(_raw(text))


def _raw(text: str) -> object:
    """The file as an editor sees it: nothing put in."""
    kept = {name: f"${{{name}}}" for name in ("TOKEN", "N", "T")}
    return parse_document(text, "config.yaml", kept, Path()).root.plain()


# --- the secret key ------------------------------------------------------------------------------------------------


def test_only_sandboxes_a_key_is_made_and_kept(tmp_path: Path):
    path = tmp_path / "config.yaml"
    path.write_text(GOOD)
    config = load(path, KINDS, ENV)
    assert not (tmp_path / "data").exists()  # reading a configuration writes nothing
    (key,) = secret_keys(config)
    assert len(key) == 64
    assert secret_keys(config) == (key,)
    kept = tmp_path / "data" / "secret_key"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert [p.name for p in kept.parent.iterdir()] == ["secret_key"]
    kept.write_text("")  # what a full disk leaves
    (other,) = secret_keys(config)
    assert len(other) == 64


def test_a_configured_key_is_used_and_nothing_is_written(tmp_path: Path):
    older = "older" * 7
    config = config_of(GOOD + f"secret_key: [{LONG}, {older}]\n", path=tmp_path / "config.yaml")
    assert secret_keys(config) == (LONG, older)
    assert not (tmp_path / "data").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_key_that_cannot_be_kept_is_a_sentence(tmp_path: Path):
    tmp_path.chmod(0o500)
    with pytest.raises(ConfigError, match="cannot keep a key of our own making"):
        secret_keys(config_of(GOOD, path=tmp_path / "config.yaml"))


def test_files_of_accounts_are_looked_for_beside_the_config(tmp_path: Path):
    text = GOOD.replace("kind: team", "key_file: secrets/sales.key, kind: team")
    assert text != GOOD
    config = config_of(text, path=tmp_path / "config.yaml")
    files = [a.settings.key_file for a in config.accounts.values() if isinstance(a.settings, GroupSettings)]
    assert files == [tmp_path / "secrets" / "sales.key"]


def test_a_data_dir_that_is_a_file_is_a_sentence(tmp_path: Path):
    (tmp_path / "data").write_text("")
    with pytest.raises(ConfigError, match="cannot keep a key of our own making"):
        secret_keys(config_of(GOOD, path=tmp_path / "config.yaml"))


# --- pure parts ----------------------------------------------------------------------------------------------------


@given(
    first=st.integers(1, 1000),
    factor=st.floats(1, 100, allow_nan=False),
    longest=st.integers(1, 1000),
    number=st.integers(1, 10**6),
)
def test_growing_pauses_grow_and_stop_growing(first: int, factor: float, longest: int, number: int):
    grow = Growing.model_validate({"first": f"{first}s", "factor": factor, "max": f"{longest}s"})
    assert 0 < grow.pause_s(number) <= grow.pause_s(number + 1) <= longest


@given(st.lists(st.integers(1, 10_000), min_size=1, max_size=20), st.integers(1, 50))
def test_a_list_of_pauses_repeats_its_last(pauses: list[int], number: int):
    backoff = TypeAdapter(Backoff).validate_python([f"{p}s" for p in pauses])
    assert pause_s(backoff, number) == pauses[min(number, len(pauses)) - 1]


@pytest.mark.parametrize(
    ("written", "size"), [("1B", 1), ("64KB", 64_000), ("25 MB", 25_000_000), ("1.5MiB", 1572864), ("1gb", 10**9)]
)
def test_sizes(written: str, size: int):
    assert parse_size(written) == size


@given(st.integers(0, 10**12))
def test_sizes_are_written_as_they_are_read(size: int):
    assert parse_size(format_size(size)) == size


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("embedded", "embedded"),
        ("redis://localhost", "redis://localhost:6379/0"),
        ("redis://:p%40ss@h:1/3", "redis://:***@h:1/3"),
        ("rediss://me:pass@[::1]:63/", "rediss://me:***@[::1]:63/0"),
        ("unix:///run/redis.sock?db=2", "unix:///run/redis.sock?db=2"),
        ("unix://:pass@/run/redis.sock", "unix://:***@/run/redis.sock"),
        ("redis+sentinel://a,b:3,[::1]/main", "redis+sentinel://a:26379,b:3,[::1]:26379/main"),
    ],
)
def test_store_addresses(address: str, shown: str):
    assert str(StoreAddress.parse(address)) == shown


def test_a_password_in_a_store_address_is_decoded():
    assert StoreAddress.parse("redis://:p%40ss@h").password.get_secret_value() == "p@ss"


@given(st.text(max_size=60))
def test_any_store_address_is_read_or_refused_without_repeating_it(text: str):
    try:
        StoreAddress.parse("redis://me:topsecret@" + text)
    except ValueError as e:
        assert "topsecret" not in str(e)


@pytest.mark.parametrize(
    ("found", "right"), [("slaes", "sales"), ("Sales", "sales"), ("saless", "sales"), ("qqq", ""), ("", "")]
)
def test_the_nearest_name(found: str, right: str):
    assert nearest(found, ["panel", "sales", "shop"]) == right


@given(st.text(max_size=80))
def test_masking_an_address_never_fails(text: str):
    assert "topsecret" not in mask_url(f"https://me:topsecret@{text}") or "@" in text or "/" in text


WITH_PANEL = GOOD.replace("desks:\n", "desks:\n  inbox: {kind: panel}\n", 1).replace("desks: [", "desks: [inbox, ", 1)


def test_a_panel_is_a_desk_without_an_account_and_without_deliveries():
    config = config_of(WITH_PANEL)
    assert config.panels == ("inbox",)
    assert "inbox" not in config.accounts
    channel = config.routes[0].channel
    assert "inbox" in config.routes[0].desks
    assert "inbox" not in config.desks_for(channel)
    assert config.channels_for("inbox") == (channel,)
    assert config.summary()["desks"]["inbox"] == {"kind": "panel"}


def test_a_panel_without_history_is_warned_about():
    assert not any("no panel" in w.message for w in config_of(WITH_PANEL).warnings)
    warned = [w.message for w in config_of(f"{WITH_PANEL}history: off\n").warnings]
    assert any("there is no panel" in said for said in warned), warned


def test_a_panel_has_nothing_to_set():
    with pytest.raises(ConfigError) as e:
        config_of(WITH_PANEL.replace("{kind: panel}", "{kind: panel, url: https://x.example}"))
    assert "desks.inbox.url" in str(e.value)


def test_a_panel_is_no_channel():
    with pytest.raises(ConfigError) as e:
        config_of(WITH_PANEL.replace("channels:\n", "channels:\n  web: {kind: panel}\n", 1))
    assert "channels.web.kind" in str(e.value)


def test_the_schema_knows_panels():
    schema = json_schema(KINDS.values())
    check = jsonschema_rs.validator_for(schema)
    plain = {
        "channels": {"shop": {"kind": "insta", "url": "sandbox", "token": "t"}},
        "desks": {"inbox": {"kind": "panel"}},
        "routes": [{"channel": "shop", "desks": ["inbox"]}],
    }
    assert check.is_valid(plain)
    plain["desks"]["inbox"]["url"] = "https://x.example"  # type: ignore[index]
    assert not check.is_valid(plain)
