"""Tables of what was measured, as Markdown: they are read in a terminal and pasted into a page as they are. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from statistics import median

from tests.bench.ledger import Tally
from tests.bench.modes import IDLE, PACED, SLOW_DISK_PACED, Row

FORWARDER = "forwarder"
NOISY = 0.05  # of the machine
TOO_NOISY = 0.15


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table whose columns line up."""
    lines = [list(head), *map(list, rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    out = ["| " + " | ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) + " |" for line in lines]
    out.insert(1, "|" + "|".join("-" * (w + 2) for w in widths) + "|")
    return "\n".join(out)


class Figures:
    """All rows of a run, asked by mode and subject.

    What was measured while others took much of the machine says nothing about the subject, for good or ill: a slowed
    forwarder flatters all others. Where there are quieter rounds, speeds and ratios are theirs; nothing lost, doubled
    or out of order is ever left out.
    """

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = rows

    def of(self, mode: str, subject: str) -> list[Row]:
        """One row per round; where there is a quiet one, only those."""
        all_of_them = [r for r in self.rows if r.mode == mode and r.subject == subject]
        return [r for r in all_of_them if r.others <= TOO_NOISY] or all_of_them

    @property
    def left_out(self) -> int:
        """How many rows `of` never gives."""
        return len(self.rows) - sum(len(self.of(m, s)) for m in self.modes() for s in self.subjects(m))

    def subjects(self, mode: str) -> list[str]:
        return list(dict.fromkeys(r.subject for r in self.rows if r.mode == mode))

    def modes(self) -> list[str]:
        return list(dict.fromkeys(r.mode for r in self.rows))

    def middle(self, mode: str, subject: str, value: Callable[[Row], float]) -> float | None:
        """The median over the rounds; None without rows."""
        found = [value(r) for r in self.of(mode, subject)]
        return median(found) if found else None

    def tallied(self, mode: str, subject: str, value: Callable[[Tally], float]) -> float | None:
        """The same of the tallies."""
        found = [value(r.tally) for r in self.of(mode, subject) if r.tally is not None]
        return median(found) if found else None

    def total(self, value: Callable[[Tally], int], mode: str, subject: str) -> int:
        """The sum over the rounds."""
        return sum(value(r.tally) for r in self.rows if r.mode == mode and r.subject == subject and r.tally is not None)

    def ratio(self, mode: str, subject: str, base: str) -> float | None:
        """Messages/s against `base`: the median of the rounds' own ratios, or that of the medians where the two have no
        quiet round in common."""
        other = {r.round: r.tally.relayed_per_s for r in self.of(mode, base) if r.tally is not None}
        own = {r.round: r.tally.relayed_per_s for r in self.of(mode, subject) if r.tally is not None}
        found = [rate / other[n] for n, rate in own.items() if other.get(n)]
        if not found and own and other and median(other.values()):
            return median(own.values()) / median(other.values())
        return median(found) if found else None

    def cpu_ratio(self, mode: str, subject: str, base: str) -> float | None:
        """The apps' CPU per message against `base`'s, likewise; it suffers less from what else the machine does."""
        other = {r.round: r.cpu_app_us for r in self.of(mode, base)}
        found = [r.cpu_app_us / other[r.round] for r in self.of(mode, subject) if other.get(r.round)]
        return median(found) if found else None


def plain_arq(subject: str) -> str:
    """The arq to compare a durable subject with: the one with the same fsync."""
    return f"arq, {subject.rpartition(', ')[2]}"


def _number(value: float | None, digits: int = 0) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _pair(a: float | None, b: float | None, digits: int = 0) -> str:
    return f"{_number(a, digits)} + {_number(b, digits)}"


def mode_table(figures: Figures, mode: str) -> str:
    """One mode, a line per subject."""
    if mode == IDLE:
        return _idle_table(figures)
    paced = mode in (PACED, SLOW_DISK_PACED)
    head = ["subject"]
    if not paced:
        head += ["messages/s", "min–max", "× (a)", "× (b)", "acknowledged/s"]
    head += [
        "ack ms p50 / p95 / p99",
        "end to end ms p50 / p95 / p99",
        "CPU µs/message, app + store",
        "app CPU × (a)",
        "peak MB, app + store",
        "out of order",
        "doubled",
        "lost",
    ]
    return table(head, (_line(figures, mode, s, paced) for s in figures.subjects(mode)))


def _line(figures: Figures, mode: str, subject: str, paced: bool) -> list[str]:
    rates = [r.tally.relayed_per_s for r in figures.of(mode, subject) if r.tally is not None]
    line = [subject]
    if not paced:
        line += [
            _number(figures.tallied(mode, subject, lambda t: t.relayed_per_s)),
            f"{min(rates):.0f}–{max(rates):.0f}",
            _number(figures.ratio(mode, subject, FORWARDER), 2),
            _number(figures.ratio(mode, subject, plain_arq(subject)), 2),
            _number(figures.tallied(mode, subject, lambda t: t.acked_per_s)),
        ]
    for spread in (lambda t: t.ack_ms, lambda t: t.end_to_end_ms):
        quantiles = (
            lambda t, s=spread: s(t).p50,
            lambda t, s=spread: s(t).p95,
            lambda t, s=spread: s(t).p99,
        )
        line.append(" / ".join(_number(figures.tallied(mode, subject, q), 2) for q in quantiles))
    line += [
        _pair(
            figures.middle(mode, subject, lambda r: r.cpu_app_us),
            figures.middle(mode, subject, lambda r: r.cpu_store_us),
        ),
        _number(figures.cpu_ratio(mode, subject, FORWARDER), 2),
        _pair(
            figures.middle(mode, subject, lambda r: r.rss_app_mb),
            figures.middle(mode, subject, lambda r: r.rss_store_mb),
        ),
        str(figures.total(lambda t: t.out_of_order, mode, subject)),
        str(figures.total(lambda t: t.doubled + t.strange, mode, subject)),
        str(figures.total(lambda t: t.lost, mode, subject)),
    ]
    return line


def _idle_table(figures: Figures) -> str:
    return table(
        ["subject", "CPU, % of a core, app + store", "memory at most, MB, app + store"],
        (
            [
                subject,
                _pair(
                    figures.middle(IDLE, subject, lambda r: r.cpu_app_us),
                    figures.middle(IDLE, subject, lambda r: r.cpu_store_us),
                    2,
                ),
                _pair(
                    figures.middle(IDLE, subject, lambda r: r.rss_app_mb),
                    figures.middle(IDLE, subject, lambda r: r.rss_store_mb),
                ),
            ]
            for subject in figures.subjects(IDLE)
        ),
    )


def incomplete(figures: Figures, rounds: int) -> str:
    """A sentence on what has fewer rounds than it should, "" where nothing has."""
    short = [
        f"{subject} ({mode}): {len(found)}"
        for mode in figures.modes()
        for subject in figures.subjects(mode)
        if len(found := [r for r in figures.rows if r.mode == mode and r.subject == subject]) < rounds
    ]
    return f"Fewer than {rounds} rounds, because a run was broken off: {'; '.join(short)}." if short else ""


def noise(figures: Figures) -> str:
    """Sentences on what else this machine did."""
    shares = sorted(r.others for r in figures.rows)
    if not shares:
        return ""
    typical = shares[len(shares) // 2]
    said = f"Other processes, and the host, took {typical:.0%} of the machine (median; at most {shares[-1]:.0%})"
    if figures.left_out:
        said += f"; {figures.left_out} of {len(shares)} measurements, with more than {TOO_NOISY:.0%}, are left out"
    kept = [r.others for m in figures.modes() for s in figures.subjects(m) for r in figures.of(m, s)]
    return said + (": these figures are doubtful, measure again on a quiet machine." if max(kept) > NOISY else ".")
