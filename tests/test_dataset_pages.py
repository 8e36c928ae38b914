"""Each public data set has a page that says what a user has to know before touching it."""

import ast
import importlib
import inspect
import re
from pathlib import Path

import pytest

from facelab import datasets

FOLDER = Path(__file__).resolve().parents[1] / "datasets"
README = (FOLDER / "README.md").read_text(encoding="utf-8")
PAGES = sorted(path for path in FOLDER.glob("*.md") if path.name != "README.md")
SECTIONS = [
    "Labels and their quirks",
    "Official protocol",
    "Licence, consent, history",
    "Sources",
]
READING = "Reading it"  # only on pages of sets that facelab.datasets reads
NAMED = [  # sets that the course's papers train or test on
    *("wider_face", "fddb", "lfw", "celeba", "w300", "aflw", "wflw", "cofw", "cascade_list"),
    "aflw2000_3d",
    *("casia_webface", "ms1m", "vggface2", "megaface", "cfp", "agedb", "calfw_cplfw", "ijb"),
    *("cacd", "morph", "fgnet", "utkface"),
]


def code_of(page: Path) -> str:
    """The Python on a page."""
    return "\n".join(re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.S))


def calls_in(code: str) -> list[ast.Call]:
    """Calls of plain names."""
    calls = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
    return [call for call in calls if isinstance(call.func, ast.Name)]


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
    assert [name for part in parts if (name := part.splitlines()[0]) != READING] == SECTIONS
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


def test_every_reader_is_shown_on_a_page_and_every_such_page_is_named_in_the_readme():
    readers = {name for name in datasets.__all__ if name.startswith("read_")}
    shown = {page.stem: code_of(page) for page in PAGES if code_of(page)}
    used = {call.func.id for code in shown.values() for call in calls_in(code)}
    assert readers <= used
    section = README.split("## Readers")[1].split("## ")[0]
    assert set(re.findall(r"\((\w+)\.md\)", section)) == set(shown)


@every_page
def test_code_on_a_page_calls_what_is_there_as_it_is(page):
    code = code_of(page)
    imported = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.ImportFrom)]
    names = {
        name.name: getattr(importlib.import_module(node.module), name.name)
        for node in imported
        for name in node.names
    }
    for call in calls_in(code):
        if call.func.id in names:
            options = {keyword.arg: None for keyword in call.keywords}
            inspect.signature(names[call.func.id]).bind(*call.args, **options)


@every_page
def test_metrics_that_a_page_names_exist(page):
    from facelab.metrics import landmarks, pose

    text = page.read_text(encoding="utf-8")
    known = {*landmarks.__all__, *pose.__all__, *datasets.__all__}
    for here in re.findall(r"Here: (.*?)\.\s", text.split("## Official protocol")[1], re.S):
        names = re.findall(r"`(\w+)", here)
        assert {name for name in names if name != "facelab"} <= known
    modules = set(re.findall(r"`facelab\.metrics\.(\w+)`", text))
    assert modules <= {"landmarks", "pose"}


@every_page
def test_lines_are_short_enough_to_read_as_text(page):
    for line in page.read_text(encoding="utf-8").splitlines():
        assert line.startswith("|") or len(line) <= 120
