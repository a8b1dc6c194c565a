"""What a reader sees: every page of the built book in a browser, on a desk and on a phone, light and dark."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
import yaml
from axe_playwright_python.sync_playwright import Axe
from contents import CHAPTERS, ROOT, SOURCES, TOC
from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text())
DESK, PHONE = (1280, 900), (390, 844)
WAYS = (("light", DESK), ("dark", PHONE), ("light", PHONE), ("dark", DESK))


def ways(source: str) -> tuple[tuple[str, tuple[int, int]], ...]:
    """How a page is looked at: chapters in all four ways, pages in two, and generated pages, all alike, in turns."""
    if source in CHAPTERS:
        return WAYS
    folder, _, name = source.removeprefix("book/").rpartition("/")
    return WAYS[:2] if not folder else WAYS[len(name) % 2 :][:1]


VIEWS = [(source, scheme, size) for source in SOURCES for scheme, size in ways(source)]
MATH = """() => ({
    errors: [...document.querySelectorAll("mjx-merror, [data-mjx-error]")].map(e => e.textContent),
    raw: [...document.querySelectorAll(".math")]
        .filter(e => !e.querySelector("mjx-container")).map(e => e.textContent.slice(0, 80)),
    rendered: document.querySelectorAll(".math mjx-container").length,
    text: [...document.querySelectorAll("article p, article li, article td")]
        .filter(e => !e.closest(".cell_input, .cell_output, pre") && /\\$\\$|\\\\\\(|\\\\frac/.test(
            [...e.childNodes].filter(n => n.nodeType === 3).map(n => n.nodeValue).join("")))
        .map(e => e.textContent.slice(0, 80)),
})"""
IMAGES = """() => [...document.querySelectorAll("article img")]
    .filter(e => !(e.complete && e.naturalWidth > 0)).map(e => e.src)"""
OVERFLOW = """() => {
    const width = document.documentElement.clientWidth;
    const wide = [...document.querySelectorAll("article *")].filter(e => {
        const box = e.getBoundingClientRect();
        if (box.width === 0 || box.right <= width + 1) return false;
        for (let p = e.parentElement; p; p = p.parentElement)
            if (["auto", "scroll", "hidden"].includes(getComputedStyle(p).overflowX)) return false;
        return true;
    });
    return {page: document.documentElement.scrollWidth - width,
            wide: wide.slice(0, 5).map(e => e.tagName + "." + e.className + ": " + e.textContent.slice(0, 60))};
}"""


@dataclass
class View:
    """A page, and what happened while it loaded."""

    page: Page
    console: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)


@pytest.fixture(params=VIEWS, ids=lambda view: f"{view[0].rpartition('/')[2]}-{view[1]}-{view[2][0]}")
def view(request, browser: Browser, book: str) -> Iterator[View]:
    source, scheme, (width, height) = request.param
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    view = View(context.new_page())

    def answer(route):
        if urlsplit(route.request.url).netloc == urlsplit(book).netloc:
            return route.continue_()
        view.elsewhere.append(route.request.url)
        return route.abort()

    view.page.route("**/*", answer)
    view.page.on("response", lambda r: view.missing.append(r.url) if r.status >= 400 else None)
    view.page.on("console", lambda m: view.console.append(m.text) if m.type in ("error", "warning") else None)
    view.page.on("pageerror", lambda error: view.console.append(str(error)))
    view.page.goto(f"{book}/{source}.html", wait_until="load")
    view.page.wait_for_function("() => !window.MathJax || (MathJax.startup && MathJax.startup.promise)")
    view.page.evaluate("() => window.MathJax && MathJax.startup.promise")
    yield view
    context.close()


def serious_violations(page: Page) -> list[str]:
    """What axe-core calls serious or critical, with the first elements that it found."""
    return [
        f"{found['id']}: {[node['html'][:120] for node in found['nodes']][:3]}"
        for found in Axe().run(page).response["violations"]
        if found["impact"] in ("serious", "critical")
    ]


def test_page_as_a_reader_sees_it(view: View):
    page = view.page
    for image in page.locator("article img").all():
        image.scroll_into_view_if_needed()
    page.wait_for_function(f"() => ({IMAGES})().length === 0", timeout=10_000)
    math = page.evaluate(MATH)
    overflow = page.evaluate(OVERFLOW)
    problems = {
        "said in the console": list(view.console),
        "not found": list(view.missing),
        "asked of another host": list(view.elsewhere),
        "errors in formulas": math["errors"],
        "formulas not rendered": [*math["raw"], *math["text"]],
        "wider than the window": overflow["wide"] or ([overflow["page"]] if overflow["page"] > 0 else []),
        # Last: axe asks for style sheets by itself, relative to the page instead of to the sheet that imports them.
        "not accessible": serious_violations(page),
    }
    assert {what: found for what, found in problems.items() if found} == {}


def test_mathematics_is_rendered(browser: Browser, book: str):
    page = browser.new_page()
    page.goto(f"{book}/book/notation.html")
    page.wait_for_selector("mjx-container", timeout=10_000)
    page.evaluate("() => MathJax.startup.promise")
    assert page.evaluate(MATH)["rendered"] > 40
    page.close()


@pytest.fixture(params=CHAPTERS or [None])
def chapter(request) -> str:
    if request.param is None:
        pytest.fail("_toc.yml lists no chapter, so there is nothing to open in Colab")
    return request.param


def test_colab_links_lead_to_the_released_chapter(chapter, browser: Browser, book: str):
    repository = CONFIG["repository"]
    path = urlsplit(repository["url"]).path
    expected = f"{CONFIG['launch_buttons']['colab_url']}/github{path}/blob/{repository['branch']}/{chapter}.ipynb"
    page = browser.new_page()
    page.goto(f"{book}/{chapter}.html")
    links = page.evaluate(
        """() => [...document.querySelectorAll("a[href*='colab.research.google.com']")].map(e => e.href)"""
    )
    page.close()
    assert len(links) >= 2, "expected the button of the theme and the badge"
    assert set(links) == {expected}


def test_chosen_color_mode_stays(browser: Browser, book: str):
    context = browser.new_context(color_scheme="dark")
    page = context.new_page()
    page.goto(f"{book}/{TOC['root']}.html")
    assert page.evaluate("() => document.documentElement.dataset.theme") == "dark"
    page.locator(".theme-switch-button:visible").first.click()
    chosen = page.evaluate("() => document.documentElement.dataset.mode")
    page.goto(f"{book}/book/notation.html")
    assert page.evaluate("() => document.documentElement.dataset.mode") == chosen
    context.close()


def test_search_finds_a_loss(browser: Browser, book: str):
    page = browser.new_page()
    page.goto(f"{book}/search.html?q=hausdorff")
    page.wait_for_selector("#search-results li a", timeout=10_000)
    assert page.locator("#search-results li a").count() >= 1
    page.close()
