"""A real browser for the tests of pages: Debian's Chromium, driven by playwright. Skips with a sentence without it."""

from __future__ import annotations

import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")


@asynccontextmanager
async def open_page(
    url: str, *, dark: bool = False, width: int = 1440, height: int = 900, expected: str = "(?!)"
) -> AsyncIterator[Any]:
    """A page of a fresh browser. Errors in the console, violated policies among them, fail the test, unless they
    match the pattern `expected`."""
    path = next((found for name in NAMES if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip("Chromium is not installed (Debian: apt install chromium), so no page can be looked at.")
    playwright = pytest.importorskip("playwright.async_api", reason="playwright is not installed (pip install .[dev]).")
    async with playwright.async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        try:
            page = await browser.new_page(
                color_scheme="dark" if dark else "light",
                viewport={"width": width, "height": height},
                locale="en-GB",
                timezone_id="UTC",
            )
            page.set_default_timeout(15_000)
            troubles: list[str] = []
            page.on("console", lambda m: troubles.append(m.text) if m.type == "error" else None)
            page.on("pageerror", lambda e: troubles.append(str(e)))
            await page.goto(url)
            yield page
            assert not [t for t in troubles if not re.search(expected, t)]
        finally:
            await browser.close()
