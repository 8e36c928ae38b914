import sys
import types

import pytest

from facelab.course import quizzing
from facelab.course.quizzing import Question, Quiz, load_quiz, right, wrong
from facelab.course.records import records


def question(text="Why?", code=""):
    return Question(
        text,
        right("So that it can *slide* over `x < y`", why="No dense layer."),
        wrong("To save memory", why="It has few weights anyway."),
        code=code,
    )


def four():
    return (question("One?"), question("Two?"), question("Three?"), question("Four?", code="x = 1"))


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("FACELAB_HOME", str(tmp_path))
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)


def test_every_choice_is_answered_with_its_explanation():
    form = Quiz("00_start_here", four()).forms[0]
    form.choice.value = 1
    assert "Not this one." in form.answer.value and "few weights" in form.answer.value
    form.choice.value = 0
    assert "Right." in form.answer.value and "No dense layer" in form.answer.value


def test_the_first_answer_counts():
    form = Quiz("00_start_here", four()).forms[2]
    form.choice.value = 1
    form.choice.value = 0
    assert records().read()["quizzes"]["00_start_here"] == {"3": False}


def test_nothing_is_chosen_at_first():
    assert all(form.choice.value is None for form in Quiz("00_start_here", four()).forms)


def test_the_static_twin_holds_questions_code_and_folded_answers():
    markup = Quiz("00_start_here", four()).markup()
    assert markup.count("<details>") == 4
    assert "<code>x &lt; y</code>" in markup and "<em>slide</em>" in markup
    assert "<pre>x = 1</pre>" in markup


def test_without_a_notebook_the_questions_are_printed(monkeypatch, capsys):
    module = types.ModuleType("facelab.course.quizzes.ssh")
    module.QUESTIONS = four()
    monkeypatch.setitem(sys.modules, module.__name__, module)
    quizzing.quiz("04_ssh")
    assert "4. Four?\n     | x = 1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ([right("a", why="x")], "two or more"),
        ([right("a", why="x"), right("b", why="x")], "exactly one right"),
        ([wrong("a", why="x"), wrong("b", why="x")], "exactly one right"),
        ([right("a", why="x"), wrong("b", why=" ")], "not explained"),
        ([right("a", why="x"), wrong("a", why="x")], "same words"),
    ],
)
def test_an_unfair_question_is_refused(options, reason):
    with pytest.raises(ValueError, match=reason):
        Question("Why?", *options)


@pytest.mark.parametrize(
    ("questions", "reason"),
    [(four()[:3], "four to six"), (four() * 2, "four to six"), ((question(),) * 4, "code")],
)
def test_a_quiz_of_the_wrong_size_or_without_code_is_refused(questions, reason):
    with pytest.raises(ValueError, match=reason):
        Quiz("00_start_here", questions)


def test_a_lab_without_quiz_says_which_file_is_missing():
    with pytest.raises(ValueError, match="quizzes.ipcgan is missing"):
        load_quiz("10")
