from pathlib import Path

import pytest

from facelab.course.editions import learner_edition, solution_edition, stub
from facelab.course.source import TAGS, BuildError, read_source

SAMPLE = Path(__file__).parent / "data" / "00_start_here.py"
EXERCISE = """
# %% exercise="box_iou" difficulty=2 minutes=10 idea="Clamp." tags=["solution"]
def box_iou(a, b):
    return a
# %% tags=["check"]
box_iou = check.box_iou(box_iou)
"""


@pytest.fixture
def lab(tmp_path):
    """Write a source as lab 00 and return its path."""

    def write(text, name="00_start_here"):
        file = tmp_path / f"{name}.py"
        file.write_text(text)
        return file

    return write


def by_exercise(cells):
    return next(cell for cell in cells if cell.exercise)


def test_the_sample_has_every_tag():
    used = {tag for cell in read_source(SAMPLE) for tag in cell.tags}
    assert used | {"gpu", "claim", "hint-2", "hint-3"} == set(TAGS)


def test_a_stub_keeps_decorator_signature_and_docstring_and_nothing_of_the_body():
    text = stub(by_exercise(read_source(SAMPLE)))
    assert text.splitlines() == [
        "@torch.no_grad()",
        "def box_iou(",
        "    a: torch.Tensor,  # (N, 4)",
        "    b: torch.Tensor,",
        ") -> torch.Tensor:  # (N, M)",
        '    """Return the overlap of every box of a with every box of b."""',
        '    raise NotImplementedError("exercise box_iou: write me, then run the check below")',
    ]


def test_stubs_of_odd_functions_and_classes_are_python(lab):
    body = '''
def box_iou(a, b={"x": 1}, c=lambda x: x): return secret(a)


class Net(torch.nn.Module):
    """A net."""

    size: int = 3

    def __init__(self, c_in: int) -> None:
        # secret
        super().__init__()

    @staticmethod
    def forward(
        x,
    ):
        """Say it."""
        return secret
'''
    cell = by_exercise(read_source(lab(EXERCISE.replace("def box_iou(a, b):\n    return a", body))))
    text = stub(cell)
    compile(text, "stub", "exec")
    assert "secret" not in text
    assert text.count("raise NotImplementedError") == 3
    for kept in ("c=lambda x: x):\n    raise", '"""A net."""', "size: int = 3", "@staticmethod"):
        assert kept in text


@pytest.mark.parametrize("body", ["x = 1", "import os", "print(1)", "def box_iou(a): pass\nx = 2"])
def test_a_solution_cell_holds_nothing_but_definitions(lab, body):
    file = lab(EXERCISE.replace("def box_iou(a, b):\n    return a", body))
    with pytest.raises(BuildError, match="holds only def and class"):
        learner_edition(read_source(file))


def test_the_learner_edition_leaves_out_instructor_cells_and_folds_hints():
    notebook = learner_edition(read_source(SAMPLE))
    text = "\n".join(cell.source for cell in notebook.cells)
    assert "instructor" not in text and "secret" not in text
    assert "<summary>Hint 1</summary>" in text
    assert all(not cell.get("outputs") for cell in notebook.cells)


def test_the_idea_and_the_solution_link_stand_below_the_check():
    cells = read_source(SAMPLE)
    notebook = learner_edition(cells)
    place = next(i for i, cell in enumerate(notebook.cells) if "check.box_iou" in cell.source)
    below = notebook.cells[place + 1].source
    assert below.startswith("<details>")
    assert "Clamp the shared width" in below
    target = by_exercise(cells).id
    assert f"../solutions/00_start_here.ipynb#cell-id={target}" in below
    assert target in [cell.id for cell in solution_edition(cells).cells]


def test_only_the_solution_edition_is_compared_by_nbval():
    cells = read_source(SAMPLE)
    tags = [
        [t for c in make(cells).cells for t in c.metadata.get("tags", [])]
        for make in (learner_edition, solution_edition)
    ]
    assert "nbval-check-output" not in tags[0] and "nbval-check-output" in tags[1]
    assert "hint-1" not in tags[1]


def test_ids_are_unique_and_the_same_in_every_build_and_edition():
    first, second = read_source(SAMPLE), read_source(SAMPLE)
    ids = [cell.id for cell in first]
    assert ids == [cell.id for cell in second]
    assert len(set(ids)) == len(ids)
    learner = {cell.id for cell in learner_edition(first).cells}
    solution = {cell.id for cell in solution_edition(first).cells}
    assert len(learner & solution) > 10


def test_a_new_cell_leaves_the_ids_of_other_sections_alone(lab):
    text = SAMPLE.read_text()
    before = read_source(lab(text))
    after = read_source(
        lab(text.replace('\n# %% tags=["figure"]', '\n# %%\nx = 1\n\n# %% tags=["figure"]'))
    )
    assert len(after) == len(before) + 1
    assert [c.id for c in after][-5:] == [c.id for c in before][-5:]


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ('# %% tags=["sollution"]\nx = 1', 1, "unknown tag 'sollution'"),
        ('# %% [markdown] tags=["figure"]\n# text', 1, "on a markdown cell"),
        ("\n# %% points=3\nx = 1", 2, r"unknown metadata \['points'\]"),
        ('# %% exercise="box_iou tags=["check"]\nx = 1', 1, "header cannot be read"),
        ("# %% A title\nx = 1", 1, "unknown metadata"),
        ('# %% tags="check"\nx = 1', 0, "header is not valid"),
        ("# %%\n" + "x = 1\n" * 26, 1, "26 lines of code, at most 25"),
        ("# %%\nx = = 1", 1, "not Python"),
        ('# %% tags=["figure"]\nfig = 1', 1, "plots.show"),
        ("# %%\nplots.show(fig)", 1, "needs alt="),
        ('# %%\nplots.show(fig, alt="a.png")', 1, "says nothing"),
        ("# %% [markdown]\n# ![](a.png)", 1, "alt text"),
        ('# %% [markdown]\n# <img src="a.png">', 1, "alt text"),
        ('# %%\npredict.reveal("a", 1)', 1, "before its question"),
        ('# %% tags=["check"]\nf = check.box_iou(f)', 1, "follows its exercise"),
        ('# %% tags=["solution"]\ndef f(): pass', 1, "belong together"),
        ('# %% exercise="f" tags=["solution"]\ndef f(): pass', 1, "difficulty=1 to 5"),
        (EXERCISE.replace("difficulty=2", "difficulty=6"), 2, "difficulty=1 to 5"),
        (EXERCISE.replace('idea="Clamp." ', ""), 2, "idea="),
        (EXERCISE.replace('tags=["check"]', ""), 2, "next code cell must be its check"),
        (EXERCISE.replace("check.box_iou", "check.nmss"), 2, "next code cell must be its check"),
        (EXERCISE.replace("box_iou", "no_such_thing"), 2, "no check is registered"),
        (EXERCISE + EXERCISE, 8, "is there twice"),
        ("x = 1\n# %%\ny = 1", 0, "2 cells but 1 headers"),
    ],
)
def test_a_broken_rule_stops_the_build_with_its_place(lab, text, line, reason):
    with pytest.raises(BuildError, match=reason) as caught:
        learner_edition(read_source(lab(text)))
    if line:
        assert f"00_start_here.py, line {line}:" in str(caught.value)


def test_an_exercise_of_another_lab_is_refused(lab):
    with pytest.raises(BuildError, match="registered for 00_start_here"):
        read_source(lab(EXERCISE, name="03_mtcnn"))


def test_a_file_that_is_no_lab_is_refused(lab):
    with pytest.raises(BuildError, match="no lab is called"):
        read_source(lab(EXERCISE, name="77_cooking"))


def test_magics_shell_lines_and_good_pictures_are_allowed(lab):
    file = lab(
        "# %% [markdown]\n# ![A face in a box.](a.png)\n# %%\n# %matplotlib inline\n# !ls\nx = 1\n"
    )
    assert len(read_source(file)) == 2
