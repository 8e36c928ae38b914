"""The quiz at the end of a lab: questions in facelab/course/quizzes/, an answer to every choice."""

from __future__ import annotations

import html
import importlib
from dataclasses import dataclass

import ipywidgets as widgets

from facelab.course.labs import find_lab
from facelab.course.marking import inline
from facelab.course.records import records
from facelab.plots.publish import in_notebook
from facelab.widgets.base import Twin


@dataclass(frozen=True)
class Option:
    """One choice, whether it is right, and why."""

    text: str
    why: str
    is_right: bool


def right(text: str, *, why: str) -> Option:
    """Return the right choice of a question."""
    return Option(text, why, True)


def wrong(text: str, *, why: str) -> Option:
    """Return a wrong choice; why: what the person who takes it has overlooked."""
    return Option(text, why, False)


class Question:
    """A question with its choices, exactly one of them right, and code to look at.

    Raises ValueError when a choice has no explanation, two are the same or not exactly one is
    right.
    """

    def __init__(self, text: str, *options: Option, code: str = "") -> None:
        self.text = text
        self.options = options
        self.code = code.strip("\n")
        if len(options) < 2 or sum(option.is_right for option in options) != 1:
            raise ValueError(f"{text!r}: two or more choices are needed, exactly one right")
        if len({option.text for option in options}) != len(options):
            raise ValueError(f"{text!r}: two choices have the same words")
        for option in options:
            if not option.why.strip():
                raise ValueError(f"{text!r}: the choice {option.text!r} is not explained")


class QuestionForm:
    """A question to click on: every choice is answered at once with its explanation."""

    def __init__(self, lab: str, number: int, question: Question) -> None:
        self.lab, self.number, self.question = lab, number, question
        self.answer = widgets.HTML()
        self.choice = widgets.RadioButtons(
            options=[
                (option.text.replace("`", ""), at) for at, option in enumerate(question.options)
            ],
            value=None,
            layout={"width": "auto"},
        )
        self.choice.observe(self._chosen, names="value")
        self.box = widgets.VBox([widgets.HTML(heading(number, question)), self.choice, self.answer])

    def _chosen(self, change: dict) -> None:
        if change["new"] is None:
            return
        option = self.question.options[change["new"]]
        self.answer.value = verdict(option)

        def edit(everything: dict) -> None:
            answers = everything["quizzes"].setdefault(self.lab, {})
            answers.setdefault(str(self.number), option.is_right)  # the first answer counts

        records().change(edit)


class Quiz:
    """All questions of a lab as a widget with a static twin.

    Raises ValueError unless there are four to six questions, one of them at least with code.
    """

    def __init__(self, lab: str, questions: tuple[Question, ...]) -> None:
        if not 4 <= len(questions) <= 6:
            raise ValueError(
                f"quiz of {lab}: four to six questions are needed, got {len(questions)}"
            )
        if not any(question.code for question in questions):
            raise ValueError(f"quiz of {lab}: one question at least shows code to find the bug in")
        self.questions = questions
        self.forms = [QuestionForm(lab, at, one) for at, one in enumerate(questions, start=1)]

    def twin(self) -> Twin:
        """Return the widget with its static twin."""
        return Twin(widgets.VBox([form.box for form in self.forms]), self.markup, str(self), None)

    def markup(self) -> str:
        """Return the quiz as HTML, the answers folded."""
        parts = []
        for number, question in enumerate(self.questions, start=1):
            options = "".join(f"<li>{inline(option.text)}</li>" for option in question.options)
            answers = "".join(
                f"<li>{inline(option.text)}: {verdict(option)}</li>" for option in question.options
            )
            parts.append(
                f"{heading(number, question)}<ol>{options}</ol>"
                f"<details><summary>Answers to question {number}</summary>"
                f"<ol>{answers}</ol></details>"
            )
        return "".join(parts)

    def __str__(self) -> str:
        lines = []
        for number, question in enumerate(self.questions, start=1):
            lines.append(f"{number}. {question.text}")
            lines += [f"     | {line}" for line in question.code.splitlines()]
            lines += [f"   - {option.text}" for option in question.options]
        return "\n".join(lines)


def heading(number: int, question: Question) -> str:
    """Return a question and its code as HTML."""
    code = f"<pre>{html.escape(question.code)}</pre>" if question.code else ""
    return f"<p><b>Question {number}.</b> {inline(question.text)}</p>{code}"


def verdict(option: Option) -> str:
    """Return what a choice is answered with, right or wrong in words."""
    word = "✓ Right." if option.is_right else "✗ Not this one."
    return f"<b>{word}</b> {inline(' '.join(option.why.split()))}"


def load_quiz(lab: str) -> Quiz:
    """Return the quiz of a lab, from facelab/course/quizzes/SHORT_NAME.py.

    Raises ValueError when the lab is unknown or has no quiz.
    """
    found = find_lab(lab)
    module = f"facelab.course.quizzes.{found.short}"
    try:
        questions = importlib.import_module(module).QUESTIONS
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        raise ValueError(f"lab {found.name} has no quiz: {module} is missing") from None
    return Quiz(found.name, tuple(questions))


def quiz(lab: str) -> None:
    """Show the quiz of a lab; without a notebook its questions are printed."""
    found = load_quiz(lab)
    if in_notebook():
        from IPython.display import display

        display(found.twin())
    else:
        print(found)
