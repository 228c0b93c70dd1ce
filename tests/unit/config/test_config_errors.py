"""A configuration that is wrong: the exact words, all at once, in file order, and never a secret or a traceback."""

# ruff: noqa: E501 - the exact words, where they can be compared at a glance

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from relay.config.document import decode
from relay.config.load import load, parse
from relay.contract.errors import ConfigError
from tests.unit.fake_kinds import ENV, GOOD, KINDS

KEY_MISSING = (
    "it signs hook addresses and links. Make one with `openssl rand -hex 32`, keep it outside this file and write "
    "secret_key: ${RELAY_SECRET_KEY}"
)
UNIT = "expected e.g. 500ms, 10s, 5m, 6h or 30d"
STORES = (
    "allowed is embedded, redis://[user:password@]host[:port][/db], rediss://…, unix:///path/to.sock, "
    "or redis+sentinel://host1[:port],host2[:port]/service[/db]"
)


EXPOSE = "sandboxes: expose\n"
TRIAL = "Use the real system's address, or, for a trial that strangers may see, write `sandboxes: expose`"


def errors_of(text: str, env: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse(text, KINDS, env=ENV if env is None else env, path=Path("config.yaml"))
    return [str(p) for p in caught.value.problems]


# Each is GOOD with one thing changed: (what is replaced, by what, the one complaint).
CHANGED = [
    # names and routes
    ("[panel, sales]", "[panel, slaes]", '7: routes[0].desks[1]: no desk "slaes"; did you mean "sales"?'),
    ("[panel, sales]", "[panel, xyz]", '7: routes[0].desks[1]: no desk "xyz"; allowed: "panel" or "sales"'),
    ("[panel, sales]", "[panel, panel]", '7: routes[0].desks[1]: "panel" twice in one route'),
    ("[panel, sales]", "[panel, shop]",
     '7: routes[0].desks[1]: "shop" is a channel; a desk is wanted: "panel" or "sales"'),
    ("[panel, sales]", "[]", "7: routes[0].desks: must not be empty"),
    ("[panel, sales]", "panel", '7: routes[0].desks: found "panel"; allowed is a list: [a, b]'),
    ("desks: [panel, sales]", "desk: [panel]", None),
    ("  - {channel: shop, desks: [panel, sales]}", "  - {channel: shop, desks: [panel]}\n  - {channel: shop, desks: [sales]}",
     '8: routes[1].channel: "shop" already has a route on line 7; list all its desks there'),
    # alarms
    ("routes:", "alarms: {webook: {}}\nroutes:", '6: alarms.webook: no such key; did you mean "webhook"?'),
    ("routes:", "alarms: {webhook: {url: 'ftp://x', secret: whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5}}\nroutes:",
     "6: alarms.webhook.url: is not an address; allowed is one such as https://hooks.example.com/relay"),
    ("routes:", "alarms: {webhook: {url: 'https://x.example', secret: whsec_c2hvcnQ}}\nroutes:",
     "6: alarms.webhook.secret: the base64 behind whsec_ holds 5 bytes; allowed is 24 to 64"),
    ("routes:", "alarms: {email: {to: a@b.example, form: c@d.example, smtp: 'smtp://mail'}}\nroutes:", None),
    ("routes:", "alarms: {email: {to: nobody, from: c@d.example, smtp: 'smtp://mail'}}\nroutes:",
     '6: alarms.email.to: found "nobody"; allowed is an address such as shop@example.com'),
    ("routes:", "alarms: {oldest: 5}\nroutes:", None),
    # kinds
    ("kind: insta", "kind: instagram", '2: channels.shop.kind: no kind "instagram"; did you mean "insta"?'),
    ("kind: insta", "kind: x", '2: channels.shop.kind: no kind "x"; allowed: "insta"'),
    ("kind: insta", "kind: team",
     '2: channels.shop.kind: "team" belongs under desks; under channels allowed: "insta"'),
    ("kind: operator", "kind: insta",
     '4: desks.panel.kind: "insta" belongs under channels; under desks allowed: "operator", "team" or "panel"'),
    ("kind: insta, ", "", '2: channels.shop.kind: missing: which system this is; allowed: "insta"'),
    ("kind: insta", "kind: [insta]", "2: channels.shop.kind: no kind a list; allowed: \"insta\""),
    ("{kind: operator, url: sandbox}", "operator", "4: desks.panel: found a single value; allowed is {kind: …, url: …}"),
    # names of accounts
    ("  shop: {", "  Shop: {", None),
    ("  panel: {", "  all: {", None),
    # settings of a bridge
    ("token: ${TOKEN}", "tokn: ${TOKEN}", None),
    (", token: ${TOKEN}", "", "2: channels.shop.token: missing: the token in the address of the API"),
    ("token: ${TOKEN}", "token: ''", "2: channels.shop.token: must not be empty"),
    ("token: ${TOKEN}", "token: [hunter22]", '2: channels.shop.token: allowed is text; put it in quotes ("...")'),
    ("token: ${TOKEN}", "token: ${TOKEN}, bot_id: 0", "2: channels.shop.bot_id: found 0; allowed is at least 1"),
    ("token: ${TOKEN}", "token: ${TOKEN}, bot_id: x", '2: channels.shop.bot_id: found "x"; allowed is a whole number'),
    ("kind: operator", "kind: operator, attaches: jsn",
     '4: desks.panel.attaches: found "jsn"; did you mean "json"? allowed: "brackets", "json" or "file"'),
    ("kind: operator", "kind: operator, dedupe: 2d", '4: desks.panel.dedupe: found "2d"; allowed is at most 1d'),
    ("kind: operator", "kind: operator, mirror: maybe", '4: desks.panel.mirror: no such key; '
     'allowed: "kind", "url", "attaches" or "dedupe"'),
    ("key: abc", "key: abc, mirror: maybe", '5: desks.sales.mirror: found "maybe"; allowed is true or false'),
    ("key: abc", "key: bad-secret", "5: desks.sales.key: the key *** is bad"),
    ("key: abc", "key: 5, kye: 6", '5: desks.sales.kye: no such key; did you mean "key"?'),
    # environment and files
    ("${TOKEN}", "${TOKE}", "2: channels.shop.token: the environment variable TOKE is not set"),
    ("${TOKEN}", "${file:/nowhere/at/all}",
     '2: channels.shop.token: cannot read the file "/nowhere/at/all": No such file or directory'),
    ("${TOKEN}", "${file:}", "2: channels.shop.token: ${file:} names no file; write ${file:/run/secrets/name}"),
    ("${TOKEN}", "${TO KEN}", '2: channels.shop.token: cannot read "${TO KEN}"; '
     "allowed is ${NAME}, ${NAME:-default} or ${file:/path}"),
    ("${TOKEN}", "'${TOKEN'", '2: channels.shop.token: a "${" that is not closed by "}"; a literal "${" is written "$${"'),
    # a real system behind one of them
    ("url: sandbox, key", "url: 'https://team.example.com', key", f"1: secret_key: missing; {KEY_MISSING}"),
]  # fmt: skip

# Each is a line added at the end of GOOD (line 8).
ADDED = [
    ("delivery: {retires: 3}", 'delivery.retires: no such key; did you mean "retries"?'),
    ("delivery: {retries: -1}", "delivery.retries: found -1; allowed is at least 0"),
    ("delivery: {retries: many}", 'delivery.retries: found "many"; allowed is a whole number'),
    ("delivery: {retries: 1.5}", "delivery.retries: found 1.5; allowed is a whole number"),
    ("delivery: {timeout: 10}", f"delivery.timeout: 10 has no unit; {UNIT}"),
    ("delivery: {timeout: 1h}", 'delivery.timeout: found "1h"; allowed is at most 2m'),
    ("delivery: {timeout: 0}", "delivery.timeout: found 0; allowed is more than 0"),
    ("delivery: {backoff: [5s, 6x]}", f'delivery.backoff[1]: "6x" is not a duration; {UNIT}'),
    ("delivery: {backoff: 5s}", 'delivery.backoff: found "5s"; allowed is a list: [a, b]'),
    ("delivery: {backoff: []}", "delivery.backoff: must not be empty"),
    ("delivery: {backoff: {frist: 5s}}", 'delivery.backoff.frist: no such key; did you mean "first"?'),
    ("delivery: {backoff: {factor: 0.5}}", "delivery.backoff.factor: found 0.5; allowed is at least 1"),
    ("delivery: {breaker: {lanes: 0}}", "delivery.breaker.lanes: found 0; allowed is at least 1"),
    ("delivery: 5", "delivery: found 5; allowed is keys and values"),
    ("delivery:", "delivery: found nothing; allowed is keys and values"),
    ("locale: de", 'locale: found "de"; allowed: "en" or "ru"'),
    ("listen: 8080", 'listen: found "8080"; allowed is host:port, such as 127.0.0.1:8080 (this machine only) '
     "or 0.0.0.0:8080 (every address of this machine)"),
    ("listen: '*:80'", 'listen: found "*:80"; allowed is host:port, such as 127.0.0.1:8080 (this machine only) '
     "or 0.0.0.0:8080 (every address of this machine)"),
    ("listen: a:70000", "listen: found port 70000; allowed is 0 to 65535"),
    ("public_url: relay.example.com",
     'public_url: found "relay.example.com"; allowed is an address such as https://relay.example.com'),
    ("public_url: https://a.example/?x", "public_url: there must be no user, ? or # in it; "
     "allowed is an address such as https://relay.example.com"),
    ("secret_key: ['']", "secret_key[0]: must not be empty"),
    ("secret_key: {a: b}", "secret_key: allowed is a list: [a, b]"),
    ("store: mysql://me:topsecret@h", f'store: found "mysql…"; {STORES}'),
    ("store: redis://me:topsecret@h:x", f"store: cannot read this address; {STORES}"),
    ("fsync: sometimes", 'fsync: found "sometimes"; allowed: "always" or "everysec"'),
    ("templates_dir: nowhere", 'templates_dir: no directory "nowhere"'),
    ("retention: 1h", 'retention: found "1h"; allowed is at least 3d'),
    ("retention: 0", "retention: found 0; allowed is at least 3d"),
    ("media: {max_file: 0B}", 'media.max_file: found "0B"; allowed is at least 1B'),
    ("max_body: 5", "max_body: 5 has no unit; expected e.g. 500KB, 25MB or 1GiB"),
    ("media: {max_file: 100MB}", "media.max_file: larger than max_body, the most one hook may hold"),
    ("metrics: 5", "metrics: found 5; allowed is keys and values"),
    ("metrics: perhaps", 'metrics: found "perhaps"; allowed is true, false, or {public: false, token: …}'),
    ("secret_key: 1234", "secret_key: 4 characters can be guessed; at least 32 are needed. Make one with `openssl rand -hex 32`"),
    ("sentry_dsn: hello", "sentry_dsn: is not a DSN; allowed is https://key@host/number, as Sentry shows it in the project's settings"),
    ("history: mysql", "history.store: cannot be used; allowed is sqlite, postgresql://user:password@host/database, or off"),
    ("history: {keep: 1h}", 'history.keep: found "1h"; allowed is at least 1d'),
    ("trusted_proxies: [here]", "trusted_proxies: found 'here'; allowed is an address or a network: 10.0.0.7, 10.0.0.0/8"),
    ("sandboxes: yes", 'sandboxes: found "yes"; allowed: "expose"'),
    ("store: redis://:p@ss#w@host", "store: a #, ?, / or @ in a password must be written %23, %3F, %2F or %40"),
    ("chanels: {}", 'chanels: no such key; did you mean "channels"?'),
    ("channels: {}", "channels: twice; it is already on line 1"),
    ("? [a]\n: b", "a key must be a plain word"),
    ("locale: !ru x", 'locale: a value that begins with ! must be in quotes ("...")'),
    ("locale: ${LANG_NOT_SET}", "locale: the environment variable LANG_NOT_SET is not set"),
    ("secret_key: ${KEY_NOT_SET}", "secret_key: the environment variable KEY_NOT_SET is not set; "
     "make one with `openssl rand -hex 32`"),
    ("delivery: {<<: 5}", "delivery.<<: can only merge keys and values"),
]  # fmt: skip

# Files of which no tree can be made, or none that means anything: (text, the one complaint).
BROKEN = [
    ("", "config.yaml:1: the file is empty; it needs at least channels, desks and routes"),
    ("# only a comment\n", "config.yaml:1: the file is empty; it needs at least channels, desks and routes"),
    ("hello", "config.yaml:1: found a single value; a configuration is keys and values, `channels:` first"),
    ("- a\n- b", "config.yaml:1: found a list; a configuration is keys and values, `channels:` first"),
    ("a:\n\t- b", "config.yaml:2: cannot read the YAML: a tab; YAML is indented with spaces"),
    ("a: b: c", 'config.yaml:1: cannot read the YAML: a ":" that does not fit; quote values with ": " in them, align the keys'),
    ("a: b\nc", 'config.yaml:2: cannot read the YAML: a line without ":"; write key: value'),
    ("a: b\nc\nd: e", 'config.yaml:2: cannot read the YAML: a line without ":"; write key: value'),
    ("a: b\nc:\u00a0d\n", "config.yaml:2: a no-break space (U+00A0) where YAML needs a plain one; retype the spaces"),
    ("a: b\nc: 'hunter22", "config.yaml:2: cannot read the YAML: a quote that is never closed"),
    ("a: 1\nb: {c: d\n", "config.yaml:2: cannot read the YAML: a { or [ that is not closed, or a comma missing in it"),
    ("a: *hunter22", 'config.yaml:1: cannot read the YAML: a value that begins with * must be in quotes ("...")'),
    ("a: @hunter22", 'config.yaml:1: cannot read the YAML: a value that begins with % or @ or ` must be in quotes ("...")'),
    ("a: 1\n---\nb: 2", 'config.yaml:2: cannot read the YAML: a second document ("---"); one file is one configuration'),
    ("a:\n  - b\n c: d", "config.yaml:3: cannot read the YAML: the indentation does not fit the lines above"),
    ('a: "\\q"', "config.yaml:1: cannot read the YAML: an unknown \\ escape in double quotes; use single quotes, or write \\\\"),
    ("a: 1\nb: \x00", "config.yaml:2: a character that YAML forbids (U+0000); delete it"),
    ("a: &x [*x]", "config.yaml:1: an *alias that contains itself"),
    ("[" * 5000, "config.yaml: brackets or lists are nested too deeply"),
    ("a: " + "{b: " * 5000, "config.yaml: brackets or lists are nested too deeply"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "expected"), [c for c in CHANGED if c[2]])
def test_one_thing_wrong_is_one_complaint(old: str, new: str, expected: str):
    assert old in GOOD
    more = EXPOSE if "https://team" in new else ""
    assert errors_of(GOOD.replace(old, new, 1) + more) == [f"config.yaml:{expected}"]


@pytest.mark.parametrize(("line", "expected"), ADDED)
def test_one_line_wrong_is_one_complaint(line: str, expected: str):
    assert errors_of(f"{GOOD}{line}\n") == [f"config.yaml:8: {expected}"]


@pytest.mark.parametrize(("text", "expected"), BROKEN)
def test_no_tree_no_traceback(text: str, expected: str):
    assert errors_of(text) == [expected]


def test_a_misspelt_key_is_named_together_with_the_one_that_is_missing():
    assert errors_of(GOOD.replace("token: ${TOKEN}", "tokn: ${TOKEN}")) == [
        "config.yaml:2: channels.shop.token: missing: the token in the address of the API",
        'config.yaml:2: channels.shop.tokn: no such key; did you mean "token"?',
    ]
    assert errors_of(GOOD.replace("desks: [panel, sales]", "desk: [panel]")) == [
        "config.yaml:7: routes[0].desks: missing: names under desks; each gets every message",
        'config.yaml:7: routes[0].desk: no such key; did you mean "desks"?',
    ]


def test_names_that_cannot_be_addresses():
    shape = "allowed are a-z, then a-z, 0-9, _ and -, at most 40 characters"
    assert errors_of(GOOD.replace("  shop: {", "  Shop: {").replace("channel: shop", "channel: Shop")) == [
        f'config.yaml:2: channels.Shop: "Shop" is not allowed as a name; {shape}'
    ]
    assert errors_of(GOOD.replace("  panel: {", "  all: {").replace("[panel", "[all")) == [
        'config.yaml:4: desks.all: "all" is a word of the relay\'s own; '
        'not allowed as names: "all", "none", "relay" or "system"'
    ]


def test_names_are_unique_over_channels_and_desks():
    assert errors_of(GOOD.replace("  sales: {", "  shop: {").replace("[panel, sales]", "[panel]")) == [
        "config.yaml:5: desks.shop: the name is already taken by channels.shop; names are unique over both"
    ]


def test_a_channel_without_a_route_is_an_error_because_nobody_would_read_its_customers():
    text = GOOD.replace("desks:\n", "  lonely: {kind: insta, url: sandbox, token: x}\ndesks:\n", 1)
    assert errors_of(text) == [
        "config.yaml:3: channels.lonely: no route: nobody would see what customers write; "
        "add {channel: lonely, desks: [...]} to routes"
    ]


def test_a_file_of_another_kind_is_not_read_out():
    """Named by mistake, each line of it is a key; none is repeated, for it may be a secret."""
    for text in (f"user:{CANARY}:1000:\nother:{CANARY}:1001:\n", f"the password is {CANARY}: 1\n", f"host={CANARY}\n"):
        assert CANARY not in "\n".join(errors_of(text))


def test_sandboxes_beside_a_real_account_stop_the_start():
    text = GOOD.replace("url: sandbox, key", "url: 'https://team.example.com', key") + f"secret_key: {'x' * 32}\n"
    assert errors_of(text) == [
        "config.yaml:2: channels.shop.url: this is a sandbox (and panel): it answers anybody, without a password, and it "
        f"stands beside a real account (sales), whose conversations it would show and answer. {TRIAL}"
    ]
    assert parse(text + EXPOSE, KINDS, env=ENV).sandboxes == "expose"


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ("listen: 0.0.0.0:8080", "`listen` is 0.0.0.0:8080, which other machines reach"),
        ("listen: '[::]:8080'", "`listen` is [::]:8080, which other machines reach"),
        ("listen: 192.0.2.1:8080", "`listen` is 192.0.2.1:8080, which other machines reach"),
        ("listen: relay.local:8080", "`listen` is relay.local:8080, which other machines reach"),
        (
            "public_url: https://relay.example.com",
            "`public_url` is https://relay.example.com, which other machines reach",
        ),
        ("trusted_proxies: 127.0.0.1", "`trusted_proxies` says that a proxy brings strangers here"),
    ],
)
def test_sandboxes_where_strangers_reach_them_stop_the_start(more: str, why: str):
    assert errors_of(f"{GOOD}{more}\n") == [
        "config.yaml:2: channels.shop.url: this is a sandbox (and panel, sales): it answers anybody, without a password, "
        f"and {why}. {TRIAL}"
    ]
    assert parse(f"{GOOD}{more}\n{EXPOSE}", KINDS, env=ENV).warnings != ()


@pytest.mark.parametrize(
    "more", ["listen: 127.0.0.7:1", "listen: '[::1]:1'", "listen: localhost:1", "public_url: http://localhost:1"]
)
def test_sandboxes_on_this_machine_alone_are_fine(more: str):
    assert parse(f"{GOOD}{more}\n", KINDS, env=ENV).warnings == ()


def test_the_same_login_twice_is_one_account_twice():
    text = """\
secret_key: 0123456789abcdef0123456789abcdef
channels:
  shop: {kind: insta, url: 'https://api.example.com', token: hunter2222}
  other: {kind: insta, url: 'https://api.example.com/', token: hunter2222}
  third: {kind: insta, url: 'https://other.example.com', token: hunter2222}
desks:
  inbox: {kind: panel}
routes:
  - {channel: shop, desks: [inbox]}
  - {channel: other, desks: [inbox]}
  - {channel: third, desks: [inbox]}
"""
    assert errors_of(text) == [
        "config.yaml:4: channels.other.token: the same as that of shop: both would be one account. Give each its own, or "
        "take one out"
    ]


def test_a_token_that_guards_a_hook_is_no_short_word():
    text = GOOD.replace("key: abc", "key: abc, guards: true")
    assert errors_of(text) == [
        "config.yaml:5: desks.sales.key: it guards a hook, and 3 characters can be guessed; at least 8 are needed, 16 are "
        "better"
    ]
    config = parse(text.replace("key: abc", "key: abcdefgh"), KINDS, env=ENV)
    assert [str(w) for w in config.warnings] == [
        "config.yaml:5: desks.sales.key: it guards a hook and has only 8 characters; 16 or more cannot be guessed"
    ]


def test_a_space_that_only_looks_like_one_is_named():
    assert errors_of(GOOD + "delivery:\n\u00a0 retries: 3\n")[-1] == (
        "config.yaml:9: a no-break space (U+00A0) where YAML needs a plain one; retype the spaces"
    )


def test_an_empty_token_is_called_empty():
    assert errors_of(GOOD.replace("token: ${TOKEN}", "token: ")) == [
        "config.yaml:2: channels.shop.token: is empty: nothing stands after the colon"
    ]


def test_the_environment_is_named_where_it_is_wrong_and_not_repeated():
    assert errors_of(GOOD, ENV | {"RELAY_LISTEN": "canary", "RELAY_SECRET_KEY": "short"}) == [
        'config.yaml:1: listen: found "${RELAY_LISTEN}"; allowed is host:port, such as 127.0.0.1:8080 (this machine only) '
        "or 0.0.0.0:8080 (every address of this machine)",
        "config.yaml:1: secret_key: 5 characters can be guessed; at least 32 are needed. Make one with `openssl rand -hex 32`",
    ]


def test_fsync_belongs_to_the_embedded_store():
    assert errors_of(GOOD + "store: redis://h\nfsync: always\n") == [
        "config.yaml:9: fsync: only for store: embedded; with a server of your own, set appendfsync in its configuration"
    ]


def test_all_errors_at_once_in_file_order():
    text = (
        GOOD.replace("${TOKEN}", "${TOKE}").replace("operator", "opertor").replace("[panel, sales]", "[panel, slaes]")
        + "delivery: {retires: 3, timeout: 10}\nlocale: de\nlistn: x\n"
    )
    assert [e.split(": ")[0] + ": " + e.split(": ")[1] for e in errors_of(text)] == [
        "config.yaml:2: channels.shop.token",
        "config.yaml:4: desks.panel.kind",
        "config.yaml:7: routes[0].desks[1]",
        "config.yaml:8: delivery.retires",
        "config.yaml:8: delivery.timeout",
        "config.yaml:9: locale",
        "config.yaml:10: listn",
    ]


@pytest.mark.parametrize("written", ["", "''", "${NOPE:-}", "[]"])
def test_an_empty_key_with_a_real_system_says_how_to_make_one(written: str):
    text = GOOD.replace("url: sandbox, key", "url: 'https://team.example.com', key") + f"secret_key: {written}\n"
    assert errors_of(text + EXPOSE) == [f"config.yaml:8: secret_key: empty; {KEY_MISSING}"]


def test_an_alias_bomb_is_refused_quickly():
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    for before, name in zip("abcdefgh", "bcdefghi", strict=True):
        lines.append(f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]")
    assert errors_of("\n".join(lines))[0].endswith("unfolds to more than 20000 values")


# --- secrets -------------------------------------------------------------------------------------------------------

CANARY = "canary-4711"


@pytest.mark.parametrize(
    "text",
    [
        GOOD.replace("key: abc", f"key: bad-{CANARY}"),
        GOOD.replace("key: abc", f"key: [{CANARY}]"),
        GOOD.replace("key: abc", f"key: {{x: {CANARY}}}"),
        GOOD.replace("key: abc", f"key: '{CANARY}"),
        GOOD.replace("key: abc", f"key: *{CANARY}"),
        GOOD.replace("key: abc", f"key: !{CANARY} x"),
        GOOD.replace("key: abc", f"key: &{CANARY}"),
        GOOD.replace("key: abc", f"key: @{CANARY}"),
        GOOD.replace("key: abc", f"key: a: {CANARY}"),
        GOOD + f"secret_key: {{{CANARY}: x}}\n",
        GOOD + f"secret_key: [[{CANARY}]]\n",
        GOOD + f"sentry_dsn: [{CANARY}]\n",
        GOOD + f"store: redis://x:{CANARY}@h:port\n",
        GOOD + f"store: {CANARY}\n",
        GOOD + f"history: postgresql://x:{CANARY}@h\n",
        GOOD + f"public_url: https://bob:{CANARY}@h/?x\n",
        GOOD + f"public_url: bob:{CANARY}@h\n",
        GOOD + f"public_url: 'https://bob:{CANARY}/x@h'\n",
        GOOD + f"metrics: {{token: [{CANARY}]}}\n",
        GOOD + "locale: ${SECRET}\n",
        GOOD + "listen: ${SECRET}\n",
        GOOD + "delivery: {timeout: '${SECRET}', retries: '${SECRET}', backoff: ['${SECRET}']}\n",
        GOOD + "public_url: x${SECRET}\n",
        GOOD + "routes2: ${SECRET}\n",
        GOOD.replace("[panel, sales]", "['${SECRET}']"),
        GOOD.replace("kind: insta", "kind: '${SECRET}'"),
        GOOD.replace("kind: operator", "kind: operator, attaches: '${SECRET}', dedupe: '${SECRET}'"),
    ],
)
def test_no_secret_is_ever_repeated(text: str):
    shown = "\n".join(errors_of(text, ENV | {"SECRET": CANARY}))
    # A key (`{canary: x}`) is no value: it is the one thing that must be named to be found.
    assert CANARY not in shown.replace(f"secret_key.{CANARY}", "")


# --- files ---------------------------------------------------------------------------------------------------------


def test_what_can_be_wrong_with_a_file(tmp_path: Path):
    def message(path: Path) -> str:
        with pytest.raises(ConfigError) as caught:
            load(path, KINDS, ENV)
        return str(caught.value).removeprefix(str(path))

    assert message(tmp_path / "config.yaml") == ": there is no such file; name another with -c FILE"
    assert message(tmp_path) == ": this is a directory; name the file in it with -c FILE"
    assert "cannot be read" in message(tmp_path / ("y" * 300))
    file = tmp_path / "c.yaml"
    file.write_bytes("locale: ru".encode("utf-16"))
    assert message(file) == ": is written in UTF-16; save it as UTF-8"
    file.write_bytes(b"a: 1\nb: \xff\n")
    assert message(file) == ":2: is not UTF-8 text; save the file as UTF-8"
    file.write_bytes(b"#" * 2_000_000)
    assert message(file) == ": is larger than 1024 KiB; is it the right file?"


def test_a_byte_order_mark_is_no_error(tmp_path: Path):
    file = tmp_path / "c.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert load(file, KINDS, ENV).desks_for("shop") == ("panel", "sales")


# --- whatever is written -------------------------------------------------------------------------------------------

_words = st.sampled_from(
    [
        "channels", "desks", "routes", "delivery", "shop", "panel", "kind", "insta", "url", "sandbox", "token", "team",
        "backoff", "breaker", "secret_key", "store", "listen", "public_url", "media", "metrics", "<<", "*a", "&a", "!t",
        "5s", "0", "-1", "true", "~", "1e999", "${TOKEN}", "${NO}", "${", "'", '"', "{", "}", "[", "]", ",", ":", "- ",
        "? ", "| ", "> ", "# ", "\n", "\n  ", "\n    ", "\t", "---", "...", "%", "\\", "é", "\u202e", "\ufeff", "\x85",
    ]
)  # fmt: skip


def _tried(text: str) -> None:
    try:
        parse(text, KINDS, env=ENV, path=Path("config.yaml"))
    except ConfigError as e:
        assert e.problems
        assert all(p.message for p in e.problems)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(_words, max_size=40).map(" ".join))
@example("a: !!python/object/apply:os.system ['true']")
@example("? {a: b}\n: c")
@example("channels: {? [a] : b}")
@example("a: &a\n  <<: *a")
@example("\x85")
def test_no_text_makes_a_traceback(text: str):
    _tried(text)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_make_a_traceback(raw: bytes):
    try:
        text = decode(raw, "config.yaml")
    except ConfigError:
        return
    _tried(text)


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10) | st.sampled_from(["5s", "shop"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["kind", "url", "a"]), inner, max_size=3)
    ),
    max_leaves=8,
)
_keys = st.sampled_from(
    [
        "public_url", "listen", "secret_key", "store", "fsync", "data_dir", "templates_dir", "locale", "channels",
        "desks", "routes", "delivery", "retention", "provision", "metrics", "max_body", "media", "sentry_dsn",
    ]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(_keys, _values, max_size=5))
def test_no_value_anywhere_makes_a_traceback(values: dict[str, object]):
    kept = [line for line in GOOD.splitlines() if "routes" not in values]
    text = "\n".join(kept) + "\n" if not {"channels", "desks", "routes"} & set(values) else ""
    _tried(text + "\n".join(f"{key}: {json.dumps(value)}" for key, value in values.items()))
