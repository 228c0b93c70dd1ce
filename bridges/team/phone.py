"""A phone number as people write it, brought to the form the server uses: `8 (916) 666-00-02` -> `+79166660002`.

Team API v3, sms-login: the server takes "any format" and completes the country's code. We do it before asking, so that
a slip is told at once and nobody else's phone is sent a code.
"""

from __future__ import annotations

from collections.abc import Iterable

from bridges.team.shapes import Country

DEFAULT_CODE = "+7"  # Team API v3, countries: the one with `default: true`
_ALLOWED = frozenset("0123456789+-–—.() \t\u00a0\u202f/")


class BadPhone(ValueError):
    """Not a phone number; the text is a sentence for people."""


def default_code(countries: Iterable[Country]) -> str:
    """The code of the country that the server takes when none is written."""
    return next((country.code for country in countries if country.default), DEFAULT_CODE)


def normalise_phone(written: str, code: str = DEFAULT_CODE) -> str:
    """The number as `+` and digits. `code` ("+7") is taken where none is written. Raises BadPhone."""
    import phonenumbers  # noqa: PLC0415 - big tables, which only a log-in needs

    text = written.strip()
    if not text:
        raise BadPhone("The phone number is empty.")
    strange = next((c for c in text if c not in _ALLOWED), None)
    if strange is not None:
        # phonenumbers would read letters as the keys they stand on; here they are a slip.
        raise BadPhone(f"A phone number has digits only; found {strange!r} in {text!r}.")
    if text.startswith("00"):  # how "+" is dialled in most countries
        text = "+" + text[2:]
    region = phonenumbers.region_code_for_country_code(int(code.lstrip("+") or 0))
    if region == "ZZ" and not text.startswith("+"):
        # The server's list has codes such as +1684, which are a country's code and an area's together.
        text = code + text
    try:
        number = phonenumbers.parse(text, None if region == "ZZ" else region)
    except phonenumbers.NumberParseException:
        raise BadPhone(f"{text!r} is no phone number; write it like +79166660002.") from None
    if not phonenumbers.is_possible_number(number):
        raise BadPhone(f"{text!r} has too few or too many digits for its country.")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
