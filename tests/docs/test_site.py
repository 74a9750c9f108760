"""The built site in a browser, and its inventory; `make docs` ends with it."""

from __future__ import annotations

import functools
import http.server
import re
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sphinx.util.inventory import InventoryFile

from docs._ext.names import PROJECT, packages
from docs._ext.reference import check

SITE = PROJECT / "docs" / "_build" / "html"
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox",  # which root does not have
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
PAGES = {
    "start page": "index.html",
    "concept": "concepts/generators.html",
    "notebook": "gallery/equivariance.html",
    "gallery": "gallery/index.html",
    "QuantumLayer": "reference/nn/QuantumLayer.html",
    "package": "reference/circuits/index.html",
}
RAW_TEX = r"\\(?:mathcal|langle|frac|sum|theta|left|begin|operatorname)\b|\$\$|\\\("

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not SITE.exists(), reason="no site: make docs builds it"),
]
in_browser = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Requests are not printed."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Where the site is served."""
    handler = functools.partial(_Quiet, directory=str(SITE))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield found
        found.close()


class Visit:
    """A page in a window, and everything wrong that it did."""

    def __init__(self, browser: Any, address: str, width: int = 1280) -> None:
        self.address = address
        self.problems: list[str] = []
        self.page = browser.new_page(viewport={"width": width, "height": 900})
        self.page.route("**/*", self._route)
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))

    def _route(self, route: Any) -> None:
        url = route.request.url
        if url.startswith((self.address, "data:")):
            route.continue_()
        else:
            self.problems.append(f"it asked another host: {url}")
            route.abort()

    def _console(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.problems.append(f"{message.type}: {message.text}")

    def open(self, path: str) -> list[str]:
        """Opens a page, with all its pictures, and says what is wrong with it."""
        self.page.goto(self.address + path)
        self.page.evaluate(
            "Promise.all([...document.images].map(one => (one.loading = 'eager', "
            "one.decode().catch(() => null))))"
        )
        broken = self.page.evaluate(
            "[...document.images].filter(one => !one.naturalWidth).map(one => one.src)"
        )
        width = self.page.evaluate("document.documentElement.scrollWidth")
        # What stands in code may look like TeX.
        text = self.page.evaluate(
            "(() => {const copy = document.body.cloneNode(true); copy.querySelectorAll("
            "'pre, code, script, annotation').forEach(one => one.remove()); "
            "return copy.textContent})()"
        )
        self.problems += [f"broken picture: {source}" for source in broken]
        self.problems += [f"raw TeX: {each}" for each in re.findall(RAW_TEX, text)]
        if width > self.page.viewport_size["width"]:
            self.problems.append(f"{width} px wide: it scrolls sideways")
        return self.problems


@pytest.fixture
def visit(browser: Any, address: str) -> Iterator[Visit]:
    visit = Visit(browser, address)
    yield visit
    visit.page.close()


@in_browser
@pytest.mark.parametrize("path", PAGES.values(), ids=PAGES)
def test_page(path: str, visit: Visit) -> None:
    assert not visit.open(path)


@in_browser
@pytest.mark.parametrize("path", PAGES.values(), ids=PAGES)
def test_page_on_a_narrow_screen(path: str, browser: Any, address: str) -> None:
    visit = Visit(browser, address, width=375)
    assert not visit.open(path)
    visit.page.close()


@in_browser
def test_search_finds_a_word(visit: Visit) -> None:
    assert not visit.open("index.html")
    visit.page.keyboard.press("Control+k")
    visit.page.keyboard.type("convolution")
    visit.page.keyboard.press("Enter")
    # The results are added one after another.
    visit.page.wait_for_function(
        "document.querySelectorAll('#search-results li a').length > 5"
    )
    assert not visit.problems


@in_browser
def test_formulas_are_drawn(visit: Visit) -> None:
    visit.open("index.html")
    box = visit.page.locator("math").first.bounding_box()
    assert box["width"] > 50


@in_browser
@pytest.mark.parametrize(
    ("added", "problem"),
    [
        ("<img src='http://example.com/x.png'>", "it asked another host"),
        ("<img src='missing.png'>", "broken picture"),
        (r"<p>\mathcal{L}</p>", "raw TeX"),
        ("<script>undefined_name</script>", "undefined_name is not defined"),
        ("<script>console.error('bad')</script>", "error: bad"),
        ("<div style='width: 2000px; height: 1px'></div>", "it scrolls sideways"),
    ],
)
def test_what_is_wrong_is_seen(added: str, problem: str, visit: Visit) -> None:
    page = f"<!doctype html><html><body>{added}</body></html>"
    visit.page.route(
        "**/added.html",
        lambda route: route.fulfill(body=page, content_type="text/html"),
    )
    assert any(problem in each for each in visit.open("added.html"))


def test_every_public_name_is_in_the_inventory_once() -> None:
    text = (SITE / "objects.inv").read_bytes()
    inventory = InventoryFile.loads(text, uri="")
    found = [
        name
        for role, entries in inventory.data.items()
        if role.startswith("py:")
        for name in entries
    ]
    names = [each.path for package in packages() for each in package.names]
    assert len(names) > 200
    check(names, found)
    uris = {
        entries[name].uri for entries in inventory.data.values() for name in entries
    }
    assert all((SITE / uri.split("#")[0]).exists() for uri in uris)


def test_no_page_names_a_folder_of_the_machine() -> None:
    here = [str(PROJECT), str(Path.home()), "/site-packages/"]
    for page in SITE.rglob("*.html"):
        text = page.read_text()
        assert not [folder for folder in here if folder in text], page
