"""What `maker` makes is what the class makes."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from relay.contract.values import maker, value


@value
class Point:
    x: int
    y: int = 2
    name: str = ""


def test_the_same_value() -> None:
    make = maker(Point)
    assert make(x=1) == Point(x=1) and make(x=1, y=3, name="a") == Point(x=1, y=3, name="a")
    assert hash(make(x=1)) == hash(Point(x=1)) and type(make(x=1)) is Point
    with pytest.raises(TypeError):
        make(y=1)  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        make(x=1, z=2)  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        make(1)  # type: ignore[call-arg]


def test_what_cannot_be_made_so() -> None:
    @dataclass(frozen=True)
    class Frozen:
        x: int

    @dataclass
    class Checked:
        x: int

        def __post_init__(self) -> None:
            self.x += 1

    @dataclass
    class Anew:
        x: list[int] = field(default_factory=list)

    for cls in (Frozen, Checked, Anew):
        with pytest.raises(TypeError):
            maker(cls)
