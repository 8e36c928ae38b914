"""Predict before you run: a guess is recorded, then met by the answer. No marks attach to it."""

from __future__ import annotations

import html
from collections.abc import Sequence

import ipywidgets as widgets

from facelab.course.marking import inline
from facelab.course.records import records
from facelab.plots.publish import in_notebook, publish
from facelab.widgets.base import Twin

Guess = float | str


class GuessForm:
    """One question with a field for the answer and a button that records it."""

    def __init__(
        self, name: str, question: str, *, unit: str = "", choices: Sequence[str] | None = None
    ) -> None:
        self.name = name
        self.question = question
        self.unit = unit
        self.choices = tuple(choices) if choices else None
        self.field: widgets.Widget
        if self.choices:
            self.field = widgets.RadioButtons(options=self.choices, value=None)
            self.field.layout.width = "auto"
        else:
            self.field = widgets.Text(placeholder="a number", description=unit or "guess")
        self.button = widgets.Button(description="Record my guess", button_style="primary")
        self.said = widgets.HTML()
        self.button.on_click(lambda _: self.record())
        label = widgets.HTML(f"<b>Predict.</b> {inline(question)}")
        self.box = widgets.VBox([label, self.field, self.button, self.said])

    def record(self) -> None:
        """Store what the field holds; say what is missing when it cannot be read."""
        guess = self.field.value if self.choices else as_number(self.field.value)
        if guess is None:
            missing = (
                "Choose one answer first." if self.choices else "Write a number first, like 6400."
            )
            self.said.value = missing
            return

        def edit(everything: dict) -> None:
            everything["guesses"][self.name] = guess

        records().change(edit)
        self.said.value = (
            f"Recorded: {html.escape(spoken(guess, self.unit))}. Now run the next cell."
        )

    def twin(self) -> Twin:
        """Return the form with its static twin: the question and the choices."""
        return Twin(self.box, self._markup, str(self), None)

    def _markup(self) -> str:
        options = "".join(f"<li>{inline(choice)}</li>" for choice in self.choices or ())
        ending = f"<ul>{options}</ul>" if options else f" ____ {html.escape(self.unit)}"
        return f"<b>Predict.</b> {inline(self.question)}{ending}"

    def __str__(self) -> str:
        lines = [f"Predict. {self.question}", *(f"  - {choice}" for choice in self.choices or ())]
        return "\n".join(lines)


class Predict:
    """Ask for guesses and meet them with the answer: `predict(...)`, then `predict.reveal(...)`."""

    def __init__(self) -> None:
        self.forms: dict[str, GuessForm] = {}

    def __call__(
        self, name: str, question: str, *, unit: str = "", choices: Sequence[str] | None = None
    ) -> None:
        """Show a question; without a notebook it is printed and nothing is recorded.

        name: unique in the lab. unit: of the number asked for. choices: gives radio buttons
        instead.
        """
        form = self.forms[name] = GuessForm(name, question, unit=unit, choices=choices)
        if in_notebook():
            from IPython.display import display

            display(form.twin())
        else:
            print(form)

    def reveal(self, name: str, answer: Guess, *, why: str = "") -> None:
        """Show the guess, the answer and the gap. Without a guess the answer is there to be opened.

        Raises ValueError when the question was not asked, or the answer is not one of its choices.
        """
        form = self.forms.get(name)
        if form is None:
            raise ValueError(f"predict.reveal({name!r}): no question with this name was asked")
        if form.choices and answer not in form.choices:
            raise ValueError(f"predict.reveal({name!r}): {answer!r} is not one of {form.choices}")
        guess = records().read()["guesses"].get(name)
        truth = f"Answer: {spoken(answer, form.unit)}"
        reason = " ".join(why.split())
        if guess is None:
            text = "\n".join(line for line in ("No guess recorded.", truth, reason) if line)
            note = "No guess recorded. Guess above and run this cell again, or open the answer."
            inside = f"<b>{inline(truth)}</b><br>{inline(reason)}"
            publish(text, f"<details><summary>{note}</summary>{inside}</details>")
            return
        yours = f"Your guess: {spoken(guess, form.unit)}"
        gap = gap_between(guess, answer, form.unit)
        lines = [line for line in (yours, truth, gap, reason) if line]
        marked = [inline(yours), f"<b>{inline(truth)}</b>", inline(gap), inline(reason)]
        publish("\n".join(lines), "<br>".join(line for line in marked if line))


def as_number(text: str) -> float | None:
    """Read a number as people write it: `6,400`, `6 400`, `1e3`, `12 %`; None when it is none."""
    try:
        number = float(text.replace(",", "").replace(" ", "").replace("_", "").rstrip("%"))
    except ValueError:
        return None
    return number if abs(number) < float("inf") else None


def spoken(value: Guess, unit: str = "") -> str:
    """Return a guess or an answer with its unit."""
    if isinstance(value, str):
        return value
    whole = float(value).is_integer() and abs(value) < 1e15
    shown = f"{int(value):,}" if whole else f"{value:,.4g}"
    return f"{shown} {unit}".strip()


def gap_between(guess: Guess, answer: Guess, unit: str) -> str:
    """Say how far the guess was from the answer."""
    if isinstance(guess, str) or isinstance(answer, str):
        return "That is it." if guess == answer else "Not that one."
    if guess == answer:
        return "Exactly."
    side = "above" if guess > answer else "below"
    gap = f"Gap: {spoken(abs(guess - answer), unit)} {side}"
    if guess > 0 and answer > 0 and not 0.5 < guess / answer < 2:
        gap += f", a factor of {max(guess / answer, answer / guess):,.3g}"
    return gap


predict = Predict()
