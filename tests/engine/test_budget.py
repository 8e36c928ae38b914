import pytest
import torch

from facelab.engine import budget
from facelab.engine.budget import Budget, budget_name, budget_table, current_budget

RECIPE = tuple(
    Budget(name, steps=10**power, batch=8, images=16, max_seconds=60.0 * 10**power)
    for power, name in enumerate(budget.NAMES)
)


@pytest.mark.parametrize("name", budget.NAMES)
def test_the_variable_chooses_the_row(monkeypatch, name):
    monkeypatch.setenv("FACELAB_BUDGET", name.upper() + " ")
    assert current_budget(RECIPE).name == name
    assert current_budget().name == name


@pytest.mark.parametrize(("cuda", "name"), [(False, "laptop"), (True, "gpu")])
def test_without_the_variable_the_machine_decides(monkeypatch, cuda, name):
    monkeypatch.delenv("FACELAB_BUDGET", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    assert budget_name() == name


def test_an_unknown_word_is_refused_with_the_known_ones(monkeypatch):
    monkeypatch.setenv("FACELAB_BUDGET", "huge")
    with pytest.raises(ValueError, match="'huge'.*smoke, laptop, gpu, paper"):
        current_budget()


def test_a_recipe_without_the_row_says_which_it_has(monkeypatch):
    monkeypatch.setenv("FACELAB_BUDGET", "paper")
    with pytest.raises(ValueError, match="only.*'smoke'"):
        current_budget(RECIPE[:2])


@pytest.mark.parametrize("limits", [{"steps": 0}, {"batch": -1}, {"max_seconds": float("nan")}])
def test_a_limit_must_be_positive(limits):
    with pytest.raises(ValueError, match=next(iter(limits))):
        Budget(
            **({"name": "smoke", "steps": 1, "batch": 1, "images": 1, "max_seconds": 1} | limits)
        )


def test_a_budget_must_have_a_known_name():
    with pytest.raises(ValueError, match="'tiny' is unknown"):
        Budget("tiny", steps=1, batch=1, images=1, max_seconds=1)


def test_the_table_marks_the_row_in_use_with_words(monkeypatch):
    monkeypatch.setenv("FACELAB_BUDGET", "laptop")
    marked = [line for line in str(budget_table(RECIPE)).splitlines() if "in use" in line]
    assert len(marked) == 1 and marked[0].startswith("laptop")
    markup = budget_table(RECIPE)._repr_html_()
    assert "<b>laptop (in use)</b>" in markup and markup.count('scope="row"') == 4


def test_times_are_said_in_fitting_units():
    said = [budget.duration(seconds) for seconds in (40, 300, 900, 172_800)]
    assert said == ["40 s", "5 min", "15 min", "48 h"]
