"""Values: dataclasses that nobody changes, as cheap to make as those that anybody could.

A frozen dataclass sets every field through `object.__setattr__`, which takes three times as long as setting it, and a
message on its way is a dozen of them. So what is frozen here is frozen by the type checker, which sees every line,
and not at run time. For what is made once, such as settings, a frozen dataclass is as good.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(field,))
def value(cls: type[T]) -> type[T]:
    """Like `dataclass(frozen=True, slots=True, kw_only=True)`: compared and hashed by its fields."""
    return dataclass(slots=True, kw_only=True, unsafe_hash=True)(cls)
