"""Each public data set has a page that says what a user has to know before touching it."""

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "datasets"
README = (FOLDER / "README.md").read_text(encoding="utf-8")
PAGES = sorted(path for path in FOLDER.glob("*.md") if path.name != "README.md")
SECTIONS = [
    "Labels and their quirks",
    "Official protocol",
    "Licence, consent, history",
    "Sources",
]
NAMED = [  # sets that the course's papers train or test on
    *("wider_face", "fddb", "lfw", "celeba", "w300", "aflw", "wflw", "cofw", "cascade_list"),
    *("casia_webface", "ms1m", "vggface2", "megaface", "cfp", "agedb", "calfw_cplfw", "ijb"),
    *("cacd", "morph", "fgnet", "utkface"),
]

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)


def test_every_set_that_the_papers_use_has_a_page():
    assert set(NAMED) <= {page.stem for page in PAGES}


def test_the_table_lists_every_page_once_under_its_title():
    listed = re.findall(r"\| \[([^\]]+)\]\((\w+)\.md\) \|", README)
    titles = {page.stem: page.read_text(encoding="utf-8").splitlines()[0] for page in PAGES}
    assert {name: f"# {title}" for title, name in listed} == titles
    assert len(listed) == len(PAGES)


@every_page
def test_a_page_has_all_sections_and_none_is_empty(page):
    head, *parts = re.split(r"(?m)^## ", page.read_text(encoding="utf-8"))
    assert [part.splitlines()[0] for part in parts] == SECTIONS
    assert all(len(part.split()) >= 12 for part in parts)
    for row in ("task", "size", "layout", "where", "used by"):
        assert f"| {row} |" in head


@every_page
def test_a_page_says_whether_people_were_asked_and_on_what_terms(page):
    terms = page.read_text(encoding="utf-8").split("## Licence, consent, history")[1]
    assert re.search(r"asked|consent|no choice", terms)
    assert re.search(r"licen[cs]e|terms|research|agreement|distribut", terms, re.IGNORECASE)


@every_page
def test_a_page_names_its_sources(page):
    sources = page.read_text(encoding="utf-8").split("## Sources")[1]
    assert re.search(r"(19|20)\d\d", sources)


@pytest.mark.parametrize(
    ("name", "year"), [("ms1m", "2019"), ("megaface", "2020"), ("ijb", "2023")], ids=str
)
def test_a_withdrawn_set_is_called_so_on_its_page_and_in_the_table(name, year):
    row = next(line for line in README.splitlines() if f"({name}.md)" in line)
    assert f"{year}**" in row
    text = (FOLDER / f"{name}.md").read_text(encoding="utf-8")
    lead = text.split("| | |")[0]
    assert year in lead and "**" in lead


@every_page
def test_lines_are_short_enough_to_read_as_text(page):
    for line in page.read_text(encoding="utf-8").splitlines():
        assert line.startswith("|") or len(line) <= 120
