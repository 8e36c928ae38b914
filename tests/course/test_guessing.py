import json

import pytest

from facelab.course import guessing
from facelab.course.guessing import GuessForm, Predict, as_number, gap_between, spoken


@pytest.fixture
def predict(tmp_path, monkeypatch):
    monkeypatch.setenv("FACELAB_HOME", str(tmp_path))
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    return Predict()


def test_without_a_notebook_the_question_is_printed_and_nothing_recorded(predict, tmp_path, capsys):
    predict("levels", "How many levels?", unit="levels")
    assert "How many levels?" in capsys.readouterr().out
    assert not (tmp_path / "progress.json").exists()


def test_a_guess_is_recorded_and_met_with_answer_gap_and_reason(predict, tmp_path, capsys):
    predict("levels", "How many levels?", unit="levels")
    form = predict.forms["levels"]
    form.field.value = "1,000"
    form.button.click()
    assert "Recorded: 1,000 levels" in form.said.value
    assert json.loads((tmp_path / "progress.json").read_text())["guesses"] == {"levels": 1000}
    capsys.readouterr()
    predict.reveal("levels", 250, why="Because of\n    the factor.")
    said = capsys.readouterr().out
    assert "Your guess: 1,000 levels" in said
    assert "Answer: 250 levels" in said
    assert "Gap: 750 levels above, a factor of 4" in said
    assert "Because of the factor." in said


def test_a_choice_is_recorded_only_when_one_is_made(predict):
    predict("kept", "Which?", choices=["A", "A C"])
    form = predict.forms["kept"]
    form.button.click()
    assert "Choose one" in form.said.value
    form.field.value = "A C"
    form.button.click()
    assert "Recorded: A C" in form.said.value


def test_what_is_no_number_is_refused_with_an_example(predict):
    predict("levels", "How many?", unit="")
    form = predict.forms["levels"]
    form.field.value = "<b>many</b>"
    form.button.click()
    assert "like 6400" in form.said.value


def test_without_a_guess_the_answer_is_folded_in_a_notebook_and_printed_elsewhere(
    predict, monkeypatch
):
    shown = []
    monkeypatch.setattr(guessing, "publish", lambda text, markup: shown.append((text, markup)))
    predict("levels", "How many levels?")
    predict.reveal("levels", 9)
    text, markup = shown[0]
    assert "No guess recorded" in text and "Answer: 9" in text
    assert markup.startswith("<details>")


def test_an_answer_to_no_question_or_outside_the_choices_is_an_error(predict):
    with pytest.raises(ValueError, match="no question"):
        predict.reveal("levels", 9)
    predict("kept", "Which?", choices=["A", "A C"])
    with pytest.raises(ValueError, match="not one of"):
        predict.reveal("kept", "B")


def test_the_static_twin_shows_question_and_choices_as_text():
    twin = GuessForm("kept", "Is `a < b`?", choices=["yes", "no"]).twin()
    assert "<code>a &lt; b</code>" in twin.markup
    assert "<li>yes</li><li>no</li>" in twin.markup


@pytest.mark.parametrize(
    ("text", "number"),
    [("6400", 6400), ("6,400", 6400), ("6 400", 6400), ("1e3", 1000), ("12 %", 12), ("-.5", -0.5)]
    + [("", None), ("many", None), ("inf", None), ("nan", None)],
)
def test_numbers_are_read_as_people_write_them(text, number):
    assert as_number(text) == number


def test_gaps_and_numbers_are_said_in_words():
    assert spoken(6400.0, "anchors") == "6,400 anchors"
    assert spoken(0.12345) == "0.1235"
    assert gap_between(5, 5, "") == "Exactly."
    assert gap_between(5, 8, "px") == "Gap: 3 px below"
    assert gap_between("A", "A C", "") == "Not that one."
