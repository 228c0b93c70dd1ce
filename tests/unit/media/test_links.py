"""Media links: strong, rotatable, expiring, and compared without telling anything."""

from __future__ import annotations

import re
import time
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.media import links as signing
from relay.media.links import (
    LinkExpired,
    LinkInvalid,
    MediaLink,
    media_path,
    read_media,
    sign_media,
)

OLD, NEW = "old-key-" + "o" * 32, "new-key-" + "n" * 32


@pytest.mark.parametrize("keys", [[], [""], [NEW, ""]])
def test_no_key_is_an_error_and_never_a_weak_secret(keys: list[str]):
    with pytest.raises(ValueError, match="secret key"):
        sign_media(keys, "f", "shop")


def test_a_media_link_says_what_was_signed():
    token = sign_media([NEW], "abc.jpg", "shop", "фото.jpg")
    assert re.fullmatch(r"[A-Za-z0-9_.-]+", token)
    assert read_media([NEW], token) == MediaLink(file_id="abc.jpg", audience="shop", filename="фото.jpg")
    assert read_media([NEW, OLD], sign_media([OLD], "abc.jpg", "shop")).file_id == "abc.jpg"
    with pytest.raises(LinkInvalid):
        read_media([NEW], sign_media([OLD], "abc.jpg", "shop"))


LINK = sign_media([NEW], "abc.jpg", "shop", "f.jpg")  # one for all examples: a link holds the time it was made at


@given(st.data())
def test_a_changed_link_is_no_link(data: st.DataObject):
    token = LINK
    at = data.draw(st.integers(0, len(token) - 2))  # the last character's low bits may be padding
    other = data.draw(st.sampled_from([c for c in "ABab01_-." if c != token[at]]))
    with pytest.raises(LinkInvalid):
        read_media([NEW], token[:at] + other + token[at + 1 :])


def test_a_link_for_a_channel_ends_when_the_configuration_says(monkeypatch: pytest.MonkeyPatch):
    token = sign_media([NEW], "abc.jpg", "shop")
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 3590)
    assert read_media([NEW], token).file_id == "abc.jpg"
    with pytest.raises(LinkExpired):
        read_media([NEW], token, max_age_s=60)
    monkeypatch.setattr(time, "time", lambda: now + 3610)
    with pytest.raises(LinkExpired):
        read_media([NEW], token)
    assert read_media([NEW], token, max_age_s=86_400).file_id == "abc.jpg", "a day is a day, and not cut in silence"


def test_a_link_in_a_desk_lives_as_long_as_the_file(monkeypatch: pytest.MonkeyPatch):
    token = sign_media([OLD], "abc.jpg", "sales", "a.jpg", lasting=True)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 10 * 365 * 86_400)
    assert read_media([NEW, OLD], token, max_age_s=60) == MediaLink(
        file_id="abc.jpg", audience="sales", filename="a.jpg"
    )
    with pytest.raises(LinkInvalid):
        read_media([NEW], token)
    ending = sign_media([NEW], "abc.jpg", "sales")
    payload, _, signature = ending.partition(".")[0], "", ending.rpartition(".")[2]
    with pytest.raises(LinkInvalid):
        read_media([NEW], f"{payload}.{signature}")


def test_a_signature_of_ours_over_something_else_is_no_link():
    for payload in (["a", "b"], {"file_id": "a"}, ["a", "b", 3], "a", None):
        for token in (signing._ending((NEW,)).dumps(payload), signing._lasting((NEW,)).dumps(payload)):
            assert isinstance(token, str)
            with pytest.raises(LinkInvalid):
                read_media([NEW], token)


def test_the_signature_is_not_sha1():
    import base64

    mac = sign_media([NEW], "a", "b").rpartition(".")[2]
    assert len(base64.urlsafe_b64decode(mac + "==")) == 32


def test_the_path_ends_in_the_name_some_systems_judge_by():
    path = media_path([NEW], "abc.jpg", "shop", "../мой кот.jpg")
    assert re.fullmatch(r"/media/[A-Za-z0-9_.-]+/[A-Za-z0-9%_.-]+", path)
    assert unquote(path.rpartition("/")[2]) == "мой кот.jpg"
    assert media_path([NEW], "abc.jpg", "shop").endswith("/abc.jpg")
