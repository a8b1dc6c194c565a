"""What the book build made: an exit code says little about a book. Run after `make book`."""

import re
from functools import cache
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup
from contents import CHAPTERS, ROOT, SOURCES, TOC

import lossbook as lb
from lossbook.review import LOSSES

HTML = ROOT / "_build" / "html"
LOADED = {"script": "src", "link": "href", "img": "src", "iframe": "src", "source": "src"}


@cache
def page(source: str) -> BeautifulSoup:
    """The built page of a source file."""
    path = HTML / f"{source}.html"
    assert path.is_file(), f"{path.name} was not built; run `make book`"
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def article(source: str) -> BeautifulSoup:
    return page(source).select_one("article.bd-article")


@pytest.fixture(params=CHAPTERS or [None])
def chapter(request) -> str:
    if request.param is None:
        pytest.fail("_toc.yml lists no chapter, so there is nothing that could have been built")
    return request.param


def notebook(source: str) -> dict:
    import json

    return json.loads((ROOT / f"{source}.ipynb").read_text(encoding="utf-8"))


def markdown(source: str) -> str:
    """All Markdown of a notebook, without its fenced code."""
    cells = [c for c in notebook(source)["cells"] if c["cell_type"] == "markdown"]
    text = "\n\n".join("".join(cell["source"]) for cell in cells)
    return re.sub(r"(?ms)^```.*?^```\s*$", "", text)


# --- every page -------------------------------------------------------------------------------------------------------


def test_contents_list_every_chapter_and_no_other():
    found = sorted(f"notebooks/{path.stem}" for path in (ROOT / "notebooks").glob("*.ipynb"))
    assert sorted(CHAPTERS) == found


def test_every_page_of_the_book_is_listed():
    pages = ((ROOT / "book").glob(pattern) for pattern in ("*.md", "atlas/*.md", "conventions/*.md"))
    found = sorted(path.relative_to(ROOT).with_suffix("").as_posix() for some in pages for path in some)
    assert sorted(source for source in SOURCES if source.startswith("book/")) == found


@pytest.mark.parametrize("source", SOURCES)
def test_page_has_a_title_and_text(source):
    titles = article(source).select("h1")
    assert len(titles) == 1
    assert titles[0].get_text(strip=True)
    assert len(article(source).get_text().split()) > 80


@pytest.mark.parametrize("source", SOURCES)
def test_page_asks_nothing_of_another_host(source):
    for name, attribute in LOADED.items():
        for element in page(source).find_all(name):
            if name == "link" and set(element.get("rel", [])) & {"canonical", "next", "prev", "search"}:
                continue
            address = element.get(attribute) or ""
            assert not urlsplit(address).netloc, f"<{name}> loads {address}"


@pytest.mark.parametrize("source", SOURCES)
def test_links_inside_the_book_lead_somewhere(source):
    here = HTML / f"{source}.html"
    for link in page(source).select("article.bd-article a[href]"):
        parts = urlsplit(link["href"])
        if parts.scheme or parts.netloc:
            continue
        target = (here.parent / unquote(parts.path)).resolve() if parts.path else here
        assert target.is_file(), f"{link['href']} leads nowhere"
        if parts.fragment and target.suffix == ".html":
            text = target.read_text(encoding="utf-8")
            assert f'id="{unquote(parts.fragment)}"' in text, f"no anchor {link['href']}"


@pytest.mark.parametrize("source", SOURCES)
def test_pictures_are_there_and_described(source):
    for image in article(source).select("img"):
        path = (HTML / f"{source}.html").parent / unquote(image["src"])
        assert path.resolve().is_file(), f"{image['src']} is missing"
        alt = image.get("alt", "")
        assert len(alt.split()) >= 3, f"alt {alt!r} describes nothing"
        assert not re.search(r"\.(png|svg|jpe?g)$|/", alt), f"alt {alt!r} is the name of a file"


def test_front_door_leads_to_the_first_page():
    assert f"{TOC['root']}.html" in (HTML / "index.html").read_text()


def test_mathjax_comes_along_with_its_licence():
    static = HTML / "_static" / "mathjax"
    assert (static / "tex-mml-chtml.js").stat().st_size > 500_000
    assert "Apache License" in (static / "LICENSE").read_text()
    assert len(list((static / "output/chtml/fonts/woff-v2").glob("*.woff"))) >= 20
    assert "mathjax/tex-mml-chtml.js" in str(page(TOC["root"].replace("index", "notation")).find_all("script"))


# --- generated pages --------------------------------------------------------------------------------------------------


def test_atlas_has_every_loss():
    pages = {family: article(f"book/atlas/{family}") for family in {card.family for card in lb.cards.values()}}
    for name, card in lb.cards.items():
        atlas = pages[card.family]
        anchor = atlas.find(id=f"atlas-{name}".replace("_", "-"))
        assert anchor is not None, name
        section = anchor if anchor.name == "section" else anchor.find_parent("section")
        text = section.get_text().replace("’", "'")
        assert card.purpose.partition(":")[0] in text
        assert f"lb.{name}(" in re.sub(r"\s+", "", text)
        formula = section.select_one("div.math").get_text()
        assert "".join(card.formula.split()) in "".join(formula.split())
        assert section.select_one(f'a[href*="{card.module.__name__}"]') is not None
        assert card.kind == "objective" or section.select_one("img") is not None, name
        home = card.function.__module__
        for documented in (name, card.module.__name__):
            assert atlas.find(id=f"{home}.{documented}") is not None, documented


def test_overview_of_the_atlas_links_every_loss():
    links = {a.get("href", "").rpartition("#")[2] for a in article("book/atlas").select("table a")}
    assert {f"atlas-{name}".replace("_", "-") for name in lb.cards} <= links


def test_coverage_has_every_term_of_the_review():
    text = article("book/coverage").get_text()
    assert all(term in text for terms in LOSSES.values() for term in terms)


def test_placeholders_are_filled_in():
    for source in SOURCES:
        text = (HTML / f"{source}.html").read_text(encoding="utf-8")
        assert not re.search("<!-- (loss|review)-", text)
        assert "{chapter}" not in text
        assert "{measured}" not in text


def test_bibliography_lists_every_work():
    keys = re.findall(r"(?m)^@\w+\{([\w-]+),", (ROOT / "book" / "references.bib").read_text())
    entries = article("book/references").select("div.citation, dt, .citation-list > *")
    assert len(keys) >= 15
    assert len({entry.get("id") for entry in entries if entry.get("id")}) >= len(keys)


# --- chapters ---------------------------------------------------------------------------------------------------------


def test_chapter_has_all_its_headings(chapter):
    titles = [match.strip() for match in re.findall(r"(?m)^#{1,3}\s+(.+)$", markdown(chapter))]
    built = article(chapter).select("h1, h2, h3")
    assert len(built) == len(titles)


def test_chapter_has_all_its_formulas(chapter):
    blocks = re.findall(r"\$\$.+?\$\$", markdown(chapter), flags=re.DOTALL)
    assert len(blocks) >= 5
    assert len(article(chapter).select("div.math")) >= len(blocks)


def test_chapter_has_all_its_code(chapter):
    cells = [cell for cell in notebook(chapter)["cells"] if cell["cell_type"] == "code" and cell["source"]]
    assert len(article(chapter).select("div.cell_input, details.hide")) >= len(cells)


def test_chapter_shows_its_figures_with_their_alt_text(chapter):
    expected = [
        output["metadata"]["image/png"]["alt"]
        for cell in notebook(chapter)["cells"]
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]
    shown = [image["alt"] for image in article(chapter).select(".cell_output img")]
    assert len(expected) >= 3
    assert shown == expected


def test_chapter_shows_all_its_tables(chapter):
    """Those that a cell makes as HTML, and those in the sentences that it makes as Markdown."""
    made = [
        "".join(output["data"].get("text/html", output["data"].get("text/markdown", "")))
        for cell in notebook(chapter)["cells"]
        for output in cell.get("outputs", [])
        if "data" in output
    ]
    tables = sum("<table" in text or "\n| --- " in text for text in made)
    assert len(article(chapter).select(".cell_output table")) >= tables
