"""Every key in the store: its type, its lifetime and the reason.

All keys share one hash tag, so that one script may touch them all and a cluster would keep them in one slot. `P` is
the prefix, `{relay}:` by default. `n` is a conversation number, `dest` an account's name, times are the store's own
clock in ms.

========================== ======= ============================================ ====================================
key                        type    holds                                        lives
========================== ======= ============================================ ====================================
P seq                      hash    `contact`: last number given out; `fence`:   for ever: numbers and tokens are never
                                   last generation or token                     used twice
P deployment               hash    id (the same lies in data_dir), format       for ever: tells an emptied store
                                   (of this table: a higher one is refused)
P who:<channel>            hash    remote user id -> n                          for ever: a contact keeps its number
P name:<channel>           hash    user name, lower case -> n, latest holder    for ever
P contact:<n>              hash    ch id user name first last lk dm cid cat     for ever
                                   ans closed (times of the last message,
                                   direct message, comment, answer, closing)
                                   la (id of the newest answer)
P recent                   zset    n by last activity                           for ever, one entry a contact
P bot                      hash    channel -> integer for the Operator API      for ever: the panel knows it
P comments:<n>             zset    the channel's ids of this contact's comments `retention` after the last of them;
                                   by time                                      the latest hundred
P m:<message>              hash    k o n at e raw d open (kind, origin, number, `retention` after its last delivery
                                   time, envelope JSON, raw body, deliveries,   ended; dead letters hold it
                                   how many still open), and its delivery 0
P d:<delivery>             hash    to s n t p ps l r due reason words dead      `retention` after it ended; a dead
                                   done re by one (destination, state, number,  letter until dropped or replayed
                                   tries, part, part states, log, remote ids;
                                   one: there was no other delivery, so the
                                   message's `open` is not counted down); of
                                   delivery 0 in the message's record
P log:<n>                  zset    message ids by time                          its entries, and it, by `retention` and
                                                                                a sixty-fourth, in which it is trimmed
                                                                                once
P lane:<dest>:<n>          list    delivery ids in order                        while something waits
P lock:<dest>:<n>          hash    g t w (generation, token, holder)            while something waits
P lanes:<dest>             zset    n of every lane with something in it, by     while something waits
                                   the time of its head
P arq:<dest>               zset    arq's queue: job id by due time, or by the   while something waits
                                   end of its lease
arq:job:<dest>:<n>:<g>     string  arq's job, JSON; arguments are ids only      with its lane: no expiry, because an
                                                                                expired payload is a lost message
                                                                                to plain arq (PITFALLS A2, A8); a
                                                                                lane given away at acceptance has none
                                                                                until it sleeps or is claimed
P dest:<dest>              hash    paused open probe prober pause fails words   for ever, a few fields
                                   since swept (prober: token of the breaker's
                                   probe; swept: when lanes were last swept)
P failing:<dest>           set     lanes that failed since the last success     until the next success
P transient:<dest>         set     lanes asleep because the destination was     until the next success, which wakes them
                                   down
P woken:<dest>             set     lanes that a success elsewhere has woken     until they get through, or give up
P dead                     zset    delivery ids of dead letters by time         until dropped or replayed
P seen:<account>:<digest>  string  message id                                   longer than the sender's whole retry
                                                                                span (`SEEN_TTL_S`)
P once:<what>              string  message id that used up a "once"             `retention`, or until it is known not
                                                                                to have been used (claims.lua)
P remote:<acct>:<id>       string  delivery id and part                         `retention`: reports may come late
P early:<acct>:<id>        list    reports that came before we knew the id      `EARLY_TTL_S`
P echo:<desk>:<digest>     string  "1": a text we posted ourselves              `ECHO_TTL_S`: the other side repeats
                                                                                hooks for hours
P mem:<account>:<key>      string  what a bridge remembers (a login token)      as the bridge says
P identity                 hash    channel -> account id it belonged to         for ever
P workers                  hash    process -> destinations served, believed     until it stops, or an hour after it
                                   until when                                   was last heard of
P session:<digest>         hash    user created seen rotated sudo network      a week after the last request, a month
                                   agent csrf replaced_at; the browser holds    after log-in
                                   the id, we its SHA-256
P sessions:<user>          set     digests of a user's sessions                 a month after the last log-in
P guess:<what>:<digest>    hash,   attempts to log in, by user and network      a day; hours
                           string
P invitation:<digest>      string  what a link that works once is good for      an hour (set-up), three days
P invited:<purpose>:<user> string  digest of the newest such link               as the link
P rate:<who>:<minute>      string  requests in this minute                      70 s
P idem:<who>:<digest>      hash    what a request with an Idempotency-Key was   `SEEN_TTL_S`
                                   answered
P alarms                   hash    alarm -> JSON: what people were told and is    until it is over
                                   not over
P dests                    set     every destination there has been             for ever, a few names
P held:<what>              string  lease of a single poller, prober, sweeper    seconds, renewed
P feed                     stream  k n m (kind, conversation, what): the one log  until all have read it,
                                   of changes that people can see               an hour, a million entries
P stage                    channel who looks, who types                         pub/sub
P archived                 channel feed position that the history contains      pub/sub
P epoch                    string  which store this is; a wiped one gets a new  for ever
P bell                     channel destination with a lane just armed           pub/sub
========================== ======= ============================================ ====================================
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

PREFIX = "{relay}:"

# A sender that repeats for 36 hours (the longest documented, Meta's) must still be recognised; PITFALLS 3.1.
SEEN_TTL_S = 72 * 3600.0
# A report may be minutes early under load and days early after a restore; it is small.
EARLY_TTL_S = 7 * 86400.0
# Said every three seconds; a process silent for this long is not counted on.
WORKER_TTL_S = 15.0
# Longer than eight hook repeats on growing intervals.
ECHO_TTL_S = 72 * 3600.0


def digest(parts: Iterable[str]) -> str:
    """A short, collision-safe name for a tuple of strings: each part is preceded by its length (PITFALLS 3.1)."""
    raw = [part.encode("utf-8", "surrogatepass") for part in parts]
    return hashlib.blake2s(b"".join([b"%d:%b" % (len(r), r) for r in raw]), digest_size=16).hexdigest()


def record(delivery_id: str) -> str:
    """Name (without prefix) of the record of a delivery; number 0 is kept in its message's, see common.lua."""
    message_id, _, number = delivery_id.rpartition("-")
    return f"m:{message_id}" if number == "0" else f"d:{delivery_id}"


def seen(account: str, identity: Iterable[str]) -> str:
    """Name (without prefix) of the key that says an event was accepted."""
    return f"seen:{account}:{digest(identity)}"


def echo(desk: str, text: str) -> str:
    """Name (without prefix) of the key that says a text at a desk is our own. White space at the ends and `\\r` do not
    count: the team chat drops them (FACTS 1.9)."""
    return f"echo:{desk}:{digest((text.replace(chr(13), '').strip(),))}"
