"""Customers, panel and group over real HTTP, the real store and the relay's own sandboxes: all hear each other."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from PIL import Image

from tests.e2e.world import World
from tests.harness import until
from tests.harness.secrets import PANEL_HOOK_TOKEN

pytestmark = pytest.mark.asyncio(loop_scope="module")


def picture(size: int = 40) -> bytes:
    made = io.BytesIO()
    Image.new("RGB", (size, size), "teal").save(made, "PNG")
    return made.getvalue()


PNG = picture()
MP4 = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + b"\x00" * 64


# --- customer to desks ----------------------------------------------------------------------------------------------


async def test_text_reaches_both_desks_once_and_in_order(world: World) -> None:
    anna = await world.person("Анна", "anna.first")
    said = [f"line {i} of anna" for i in range(10)]
    for text in said:
        await world.write(anna, text)
    await world.in_group(said[-1])
    await world.at_panel(anna.number, said[-1])
    posts = await world.posts(" of anna")
    assert posts == [f"#{anna.number} Анна (@anna.first): {text}" for text in said]
    thread = await world.thread(anna.number)
    assert [m["text"] for m in thread][1:] == said
    assert len({m["bot_id"] for m in thread}) == 1


async def test_hooks_that_come_twice_are_one_message(world: World) -> None:
    await world.switch("shop", hooks_twice=True)
    bob = await world.customer("Bob")
    for text in ("twice one", "twice two"):
        await world.write(bob, text)
    await world.in_group("twice two")
    await world.settled()
    assert len(await world.posts("twice one")) == len(await world.posts("twice two")) == 1


@pytest.mark.parametrize("switches", [{"trailing_commas": True}, {"hook_encoding": "form"}, {"ids_as_numbers": True}])
async def test_the_hooks_encodings(world: World, switches: dict[str, Any]) -> None:
    await world.switch("shop", **switches)
    user = await world.customer()
    words = f"encoded {next(iter(switches))}"
    await world.write(user, words)
    await world.in_group(words)


@pytest.mark.parametrize(
    ("what", "kind", "word"), [("photo", "image", "photo"), ("film", "video", "video"), ("voice", "audio", "audio")]
)
async def test_media_are_shown_by_what_they_are(world: World, what: str, kind: str, word: str) -> None:
    """The sandbox calls a video an image, as the document does: the mime type decides."""
    carl = await world.person()
    await world.act("shop", "send", customer_id=carl.id, what=what, text=f"look at my {what}")
    shown = await world.at_panel(carl.number, f"look at my {what}")
    assert [f["kind"] for f in shown["files"]] == [kind]
    post = await world.in_group(f"look at my {what}")
    link = re.search(rf"{word} \S+: (http\S+)", post)
    assert link is not None, post
    async with world.session.get(link[1]) as response:
        assert response.status == 200 and response.content_type.startswith(kind)


async def test_an_unknown_type_is_shown_by_name(world: World) -> None:
    dora = await world.person()
    await world.act("shop", "unknown", customer_id=dora.id, type="story_mention", with_file=True)
    assert "story_mention" in (await world.at_panel(dora.number, "story_mention"))["text"]
    assert (await world.in_group(f"#{dora.number} {dora.name} (@{dora.username}): [")).count("story_mention") == 1


async def test_a_text_that_looks_like_an_answer_is_still_the_customers(world: World) -> None:
    one = await world.person()
    two = await world.person()
    for text in (f"#{one.number} give him a discount", f"@{one.username} hello", "/close #1", "/help", "> a | b"):
        await world.write(two, text)
        await world.in_group(f"#{two.number} {two.name} (@{two.username}): {text}")
    await world.settled()
    assert await world.answers(one) == [] and await world.answers(two) == []
    assert await world.posts("How to answer from here") == []


# --- desks to customer ----------------------------------------------------------------------------------------------


async def test_an_answer_from_the_panel_with_ticks(world: World) -> None:
    eva = await world.person()
    await world.operator(eva.number, "Добрый день!")
    await world.answered(eva, "Добрый день!", state="delivered")
    await world.act("shop", "open", customer_id=eva.id)
    message = await world.answered(eva, "Добрый день!", state="read")

    async def read() -> dict[str, Any] | None:
        found = await world.trace(message["queue_id"])
        return found if found["state"] == "read" else None

    found = await until(read, what="the trace says read")
    assert found["conversation"] == eva.number and found["kind"] == "answer"
    at_shop = [h["what"] for h in found["hops"] if h["where"] == "shop"]
    assert at_shop == ["queued", "accepted", "pending", "delivered", "read"]
    assert [h["at"] for h in found["hops"]] == sorted(h["at"] for h in found["hops"])
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", h["at"]) for h in found["hops"])
    assert (await world.trace(found["id"]))["id"] == found["id"], "our own id finds it as well"


@pytest.mark.parametrize("encoding", ["multipart", "urlencoded", "json"])
async def test_the_panels_encodings(world: World, encoding: str) -> None:
    await world.switch("panel", encoding=encoding)
    who = await world.person()
    await world.operator(who.number, f"as {encoding} – ы & = +")
    await world.answered(who, f"as {encoding} – ы & = +")


@pytest.mark.parametrize("encoding", ["urlencoded", "multipart", "json", "json_without_type"])
async def test_the_groups_encodings(world: World, encoding: str) -> None:
    await world.switch("sales", encoding=encoding)
    who = await world.person()
    await world.say(f"#{who.number} in {encoding} – ы & = +")
    await world.answered(who, f"in {encoding} – ы & = +")


@pytest.mark.parametrize(
    "address",
    ["#{n} words for {n}", "#{n}: words for {n}", "#{n}\nwords for {n}", "@{u}: words for {n}", "@{U}: words for {n}"],
)
async def test_an_answer_from_the_group_by_number_and_by_name(world: World, address: str) -> None:
    who = await world.person()
    await world.say(address.format(n=who.number, u=who.username, U=who.username.upper()))
    await world.answered(who, f"words for {who.number}")


async def test_other_desks_see_the_answer_and_its_own_does_not(world: World) -> None:
    who = await world.person()
    await world.say(f"#{who.number} from the group")
    shown = await world.at_panel(who.number, "from the group")
    assert "sales" in shown["text"]
    await world.operator(who.number, "from the panel", author="Boris")
    post = await world.in_group("from the panel")
    assert post.startswith(f"→ #{who.number} ") and "(panel)" in post
    await world.answered(who, "from the panel")
    await world.settled()
    assert len(await world.posts("from the panel")) == 1 and await world.posts("from the group") == []
    assert len([m for m in await world.thread(who.number) if "from the panel" in m["text"]]) == 0
    assert [m["text"] for m in await world.answers(who)] == ["from the group", "from the panel"]


async def test_a_file_from_the_panel_is_fetched_by_a_signed_link(world: World) -> None:
    who = await world.person()
    await world.operator(who.number, "here you are", file=("схема проезда.png", "image/png", PNG))
    message = await world.answered(who, "here you are", state="delivered")
    assert message["media"]["kind"] == "image" and message["media"]["mime"] == "image/png"
    async with world.session.get(world.at("shop", message["media"]["url"].partition("_sandbox/")[2])) as response:
        assert await response.read() == PNG
    arrival = next(a for a in (await world.state("shop"))["arrivals"] if a["caption"] == "here you are")
    link: str = arrival["file"]
    assert link.startswith(f"{world.relay.address}/media/")
    async with world.session.get(link) as response:
        assert response.status == 200 and response.headers["X-Content-Type-Options"] == "nosniff"
    signed = link.partition("/media/")[2].partition("/")[0]
    for forged in (signed[:-4] + "AAAA", "AAAA" + signed[4:]):
        async with world.session.get(link.replace(signed, forged)) as response:
            assert response.status in (403, 404), "another address is not signed"
    post = await world.in_group("here you are")
    assert "/media/" in post, "the group gets the file as a link"


async def test_a_file_alone_and_a_video(world: World) -> None:
    who = await world.person()
    await world.operator(who.number, file=("clip.mp4", "application/octet-stream", MP4))
    await until(lambda: _has_media(world, who, "video"), what="the video arrives")


async def _has_media(world: World, who: Any, kind: str) -> bool:
    return any((m["media"] or {}).get("kind") == kind for m in await world.answers(who))


@pytest.mark.parametrize("desk", ["panel", "sales"])
async def test_quick_replies(world: World, desk: str) -> None:
    who = await world.person()
    text = f"Delivery from {desk}?\n> Yes | No | Позже"
    await (world.operator(who.number, text) if desk == "panel" else world.say(f"#{who.number} {text}"))
    message = await world.answered(who, f"Delivery from {desk}?")
    assert message["options"] == ["Yes", "No", "Позже"]
    await world.act("shop", "tap", message_id=message["id"], option="No")
    await world.in_group(f"#{who.number} {who.name} (@{who.username}): No")


async def test_a_long_answer_becomes_several_in_order(world: World) -> None:
    """1000 characters and 1000 bytes: Russian text is cut at about half as many characters."""
    await world.switch("shop", caption_limit="bytes")
    who = await world.person()
    words = [f"слово{i}" for i in range(600)]
    await world.operator(who.number, " ".join(words))

    async def all_there() -> list[dict[str, Any]] | None:
        found = await world.answers(who)
        return found if sum(len(m["text"].split()) for m in found) == 600 else None

    found = await until(all_there, what="all parts arrive")
    assert " ".join(m["text"] for m in found).split() == words
    assert len(found) > 5 and all(len(m["text"].encode()) <= 1000 for m in found)

    async def delivered() -> bool:
        return bool((await world.trace(found[-1]["queue_id"]))["state"] == "delivered")

    await until(delivered, what="the whole is delivered")


# --- comments -------------------------------------------------------------------------------------------------------


async def test_a_comment_is_answered_once(world: World) -> None:
    user = await world.customer("Fay", "fay.comments")
    comment = await world.act("shop", "comment", customer_id=user, text="how much is it? fay")
    post = await world.in_group("how much is it? fay")
    number = int(post.split()[0].lstrip("#"))
    assert "[comment]" in post and "comment" in (await world.at_panel(number, "how much is it? fay"))["text"]
    await world.operator(number, "no files here", file=("a.png", "image/png", PNG))
    assert "Not sent" in (await world.at_panel(number, "can only be answered with text"))["text"]
    await world.say(f"#{number} nor buttons\n> Yes | No")
    await world.in_group("without quick replies")
    await world.say(f"#{number} {'long ' * 300}")
    await world.in_group("must be one message")
    assert await world.answers(user) == [], "nothing half-sent"
    await world.say(f"#{number} 100 roubles")
    answer = await world.answered(user, "100 roubles")
    assert answer["comment_id"] == comment["comment_id"]
    await world.operator(number, "and once more")
    await world.at_panel(number, "has been answered already")
    await world.settled()
    assert [m["text"] for m in await world.answers(user)] == ["100 roubles"]
    await world.write(user, "thanks, fay")
    await world.in_group("thanks, fay")
    await world.operator(number, "now directly")
    answer = await world.answered(user, "now directly")
    assert answer["comment_id"] is None, "who wrote directly can be answered directly"


async def test_each_comment_of_a_person_has_its_own_answer(world: World) -> None:
    user = await world.customer("Two", "two.comments")
    first = await world.act("shop", "comment", customer_id=user, text="the first question of two")
    post = await world.in_group("the first question of two")
    second = await world.act("shop", "comment", customer_id=user, text="the second question of two")
    await world.in_group("the second question of two")
    number = int(post.split()[0].lstrip("#"))
    await world.say(f"#{number} to the second")
    await world.say(f"#{number} to the first")
    assert (await world.answered(user, "to the second"))["comment_id"] == second["comment_id"]
    assert (await world.answered(user, "to the first"))["comment_id"] == first["comment_id"]
    await world.say(f"#{number} to nobody")
    await world.in_group(f"The comment of #{number} has been answered already")


async def test_an_answer_to_a_comment_that_was_refused_can_be_given_anew(world: World) -> None:
    user = await world.customer("Refused", "refused.comment")
    await world.act("shop", "comment", customer_id=user, text="how much is it? refused")
    number = int((await world.in_group("how much is it? refused")).split()[0].lstrip("#"))
    await world.switch("shop", fail_next=1, fail_status=400)
    await world.say(f"#{number} a bad word")
    await world.in_group(f"Your answer to #{number} did not arrive")
    await world.say(f"#{number} a good word")
    await world.answered(user, "a good word")


async def test_what_a_comment_cannot_take_goes_directly_while_that_is_open(world: World) -> None:
    who = await world.person("Direct", "direct.and.comment")
    await world.act("shop", "comment", customer_id=who.id, text="a beauty, direct")
    await world.in_group("a beauty, direct")
    await world.operator(who.number, "here is the photo", file=("a.png", "image/png", PNG))
    answer = await world.answered(who, "here is the photo")
    assert answer["comment_id"] is None
    await world.operator(who.number, "and thank you")
    assert (await world.answered(who, "and thank you"))["comment_id"] is not None


# --- the group's own talk -------------------------------------------------------------------------------------------


async def test_notes_stay_in_the_group_and_an_echo_is_no_answer(world: World) -> None:
    await world.settled()
    quiet = await world.posts()
    who = await world.person()
    before = await world.answers(who)
    for text in (
        "just talking",
        "#nothing",
        f"see #{who.number} please",
        "1",
        "@ home",
        "@olga look at this",  # a colleague
        "// no",
    ):
        await world.say(text)
    await world.say("/help")
    await world.in_group("How to answer from here")
    await world.settled()
    posts = (await world.posts())[len(quiet) :]
    assert len(posts) == 2, f"the customer's first message and the help: {posts}"
    assert await world.answers(who) == before == []
    assert [m["text"] for m in await world.thread(who.number)] == [f"hello {who.username.rpartition('.')[2]}"]


async def test_an_unknown_number_or_name_is_answered_with_a_hint(world: World) -> None:
    await world.say("#987654 are you there?")
    assert "There is no conversation #987654" in await world.in_group("987654")
    await world.say("@nobody.at.all: are you there?")
    assert "@nobody.at.all" in await world.in_group("nobody.at.all")
    await world.say("/lsit")
    assert "/help" in await world.in_group("/lsit")


async def test_what_only_looks_like_an_address_is_answered_with_a_hint_and_reaches_nobody(world: World) -> None:
    one, two = await world.person(), await world.person()
    for text, hint in (
        (f"#{one.number}hello", "nothing was sent"),
        (f"# {one.number} hello", "nothing was sent"),
        (f"@{one.username} look", f"@{one.username}: your text"),
        (f"#{one.number} for you\n#{two.number} and for you", f"with #{two.number}"),
    ):
        quiet = len(await world.posts(hint))
        await world.say(text)

        async def hinted(hint: str = hint, quiet: int = quiet) -> bool:
            return len(await world.posts(hint)) > quiet

        await until(hinted, what=f"a hint about {text!r}")
    await world.settled()
    assert await world.answers(one) == await world.answers(two) == []
    await world.say(f"\u200e#{one.number}, hidden mark")
    await world.answered(one, "hidden mark")
    await world.say(f"№{two.number} a Russian keyboard")
    await world.answered(two, "a Russian keyboard")


async def test_our_own_post_that_comes_back_changed_is_no_answer(world: World) -> None:
    who = await world.person("Tom & Jerry", "tom.and.jerry")
    post = await world.in_group(f"#{who.number} ")
    for changed in (post.replace("&", "&amp;"), post + "\nYes, tomorrow", f"*{post}*".replace("*#", "#"), post[:-3]):
        await world.say(changed)
    await world.say(f"#{who.number} a real answer")
    await world.answered(who, "a real answer")
    await world.settled()
    assert [m["text"] for m in await world.answers(who)] == ["a real answer"]


async def test_commands(world: World) -> None:
    who = await world.person("Георгий", "georg.ius")
    n = who.number
    await world.say("/list")
    assert f"#{n} Георгий (@georg.ius) – waiting" in await world.in_group("Who has written")
    await world.say(f"/who #{n}")
    assert "Writes through: shop" in await world.in_group(f"Customer #{n}: Георгий (@georg.ius)")
    await world.say(f"/status #{n}")
    await world.in_group(f"Nothing has been sent to #{n} yet")
    await world.say(f"#{n} all is well, Georg")
    await world.answered(who, "all is well, Georg", state="delivered")
    await world.say("/STATUS @georg.ius")
    assert "all is well, Georg" in await world.in_group(f"The last answers to #{n}")
    await world.say(f"/close #{n}")
    await world.in_group(f"Conversation #{n} is closed. When")
    await world.say(f"/close {n}")
    await world.in_group(f"Conversation #{n} is closed already")
    await world.say("/who")
    await world.in_group("/who needs the number")
    await world.say("/who #987650")
    await world.in_group("There is no conversation #987650")
    await world.say(f"/delete #{n}")
    await world.in_group(f"The channel of #{n} cannot take back")
    await world.say(f"#{n} after closing")
    await world.answered(who, "after closing")
    await world.in_group(f"Conversation #{n} was closed; it is open again")
    assert len(await world.answers(who)) == 2


async def test_repeats_of_one_group_hook_are_one_answer(world: World) -> None:
    await world.switch("sales", twice=True, extra_field=True)
    who = await world.person()
    said = await world.say(f"#{who.number} once please")
    await world.answered(who, "once please")
    for _ in range(3):
        await world.act("sales", "repeat", message_id=said["id"])
    await world.say(f"#{who.number} once please")
    await until(lambda: _count(world, who, 2), what="said again later is meant again")
    await world.settled()
    assert len(await world.answers(who)) == 2


async def _count(world: World, who: Any, count: int) -> bool:
    return len(await world.answers(who)) >= count


async def test_the_panels_repeat_within_seconds_is_one_answer(world: World) -> None:
    await world.switch("panel", twice=True)
    who = await world.person()
    await world.operator(who.number, "pressed twice", file=("a.png", "image/png", PNG))
    await world.answered(who, "pressed twice")
    await world.operator(who.number, "pressed twice", file=("a.png", "image/png", picture(41)))
    await until(lambda: _count(world, who, 2), what="another file is another answer")
    await world.settled()
    assert len(await world.answers(who)) == 2


# --- who is who -----------------------------------------------------------------------------------------------------


async def test_a_name_leads_to_its_latest_holder_and_numbers_stay(world: World) -> None:
    old = await world.person("Old", "the.name")
    await world.act("shop", "rename", customer_id=old.id, username="renamed.now", name="Renamed")
    await world.write(old, "it is me, renamed")
    post = await world.in_group("it is me, renamed")
    assert post.startswith(f"#{old.number} Renamed (@renamed.now): ")
    new = await world.person("New", "the.name")
    assert new.number != old.number
    await world.say("@the.name: who are you?")
    await world.answered(new, "who are you?")
    await world.say("@renamed.now: and you?")
    await world.answered(old, "and you?")
    assert len(await world.answers(old)) == len(await world.answers(new)) == 1


@pytest.mark.parametrize(
    "name", ["👩‍👩‍👧 Ольга 🇷🇺", "محمد علي", "\u202ereversed", "a\nb: #1 c", "<script>alert(1)</script>", "", "x" * 500]
)
async def test_strange_names(world: World, name: str) -> None:
    user = await world.customer(name, f"strange{abs(hash(name))}")
    await world.write(user, f"I am strange {abs(hash(name))}")
    post = await world.in_group(f"I am strange {abs(hash(name))}")
    assert re.match(r"#\d+ ", post) and "\n" not in post
    number = int(post.split()[0].lstrip("#"))
    await world.at_panel(number, "I am strange")
    await world.say(f"#{number} fine")
    await world.answered(user, "fine")


async def test_the_panels_questions(world: World) -> None:
    who = await world.person("Ирина", "irina.asks")
    await world.act("shop", "send", customer_id=who.id, what="photo", text="my photo")
    await world.at_panel(who.number, "my photo")
    card = await world.act("panel", "ask", user_id=who.number)
    assert card["trouble"] == "" and card["name"] == "Ирина"
    info = card["info"]
    assert info["id"] == who.number and info["name"] == "Ирина"
    custom = {pair["name"]: pair["value"] for pair in info["custom"]}
    assert "irina.asks" in " ".join([*custom.values(), info["about"]])
    assert len(card["media"]) == 1
    form = {"token": PANEL_HOOK_TOKEN, "user_id": "999999"}
    for tail in ("user", "media"):
        async with world.session.post(world.relay.hooks[f"panel/{tail}"], data=form) as response:
            assert response.status == 404 and "error" in await response.json()
        async with world.session.post(world.relay.hooks[f"panel/{tail}"], data={"user_id": "1"}) as response:
            assert response.status == 401
