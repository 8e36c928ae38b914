"""`facelab train` and `facelab reproduce`: from a command to weights with a card."""

import json
import os
import signal
import subprocess
import sys
import types
from pathlib import Path

import pytest
import torch
from torch import nn

import facelab
from facelab import cli
from facelab.engine import recipes
from facelab.engine.budget import Budget
from facelab.engine.training import fit
from facelab.engine.weights import read_card, read_tensors

BUDGETS = tuple(
    Budget(name, steps=steps, batch=4, images=16, max_seconds=30)
    for name, steps in [("smoke", 6), ("laptop", 12), ("gpu", 20), ("paper", 40)]
)


def batches(start):
    step = start
    while True:
        yield torch.rand(4, 3, generator=torch.Generator().manual_seed(step))
        step += 1


class Toy:
    """A recipe of one layer. breaks: step -> what happens there."""

    BUDGETS = BUDGETS

    def __init__(self):
        self.breaks, self.steps_taken, self.factor = {}, 0, 1.0

    def train_on_people(self, data, *, budget, seed, folder, on_log):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            model = nn.Linear(3, 1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        history = fit(
            *(model, self.loss, batches),
            budget=budget,
            optimizer=optimizer,
            folder=folder / "line",
            seed=seed,
            on_log=on_log,
            title="line",
            log_every=2,
        )
        figures = {"last loss": history.losses["square"][-1]}
        return model.state_dict(), {"figures": figures, "steps": history.steps[-1]}

    def loss(self, model, batch):
        self.steps_taken += 1
        self.breaks.get(self.steps_taken, lambda: None)()
        missed = model(batch) - batch.sum(dim=1, keepdim=True)
        return {"square": self.factor * missed.square().mean()}


@pytest.fixture
def toy(monkeypatch):
    """The recipe `toy`, and no other that would have to be there."""
    toy = Toy()
    monkeypatch.setitem(sys.modules, "toy_recipe", toy)
    monkeypatch.setitem(recipes.RECIPES, "toy", "toy_recipe:train_on_people")
    return toy


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    """Run `facelab ...` in an empty folder; return exit status, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FACELAB_BUDGET", raising=False)

    def run(*arguments):
        with pytest.raises(SystemExit) as exit:
            cli.main([*map(str, arguments)])
        captured = capsys.readouterr()
        return exit.value.code or 0, captured.out, captured.err

    return run


def test_training_writes_weights_with_a_card_that_says_how_they_were_made(run, toy, tmp_path):
    status, out, _ = run("train", "toy", "--budget", "smoke", "--seed", "3")
    assert status == 0
    assert "smoke            6       4         16      30 s  <- in use" in out
    assert "line begins: 6 steps of 4, about" in out and "line done: 6 of 6 steps" in out
    tensors, inside = read_tensors("toy_smoke_seed3.safetensors")
    assert {name: value.shape for name, value in tensors.items()} == {
        "weight": (1, 3),
        "bias": (1,),
    }
    card = read_card("toy_smoke_seed3.safetensors")
    assert inside.items() <= card.items()
    figures, run_of_line = card["figures"], card["runs"]["line"]
    assert 0 < figures["last loss"] < 10 and run_of_line["steps"] == 6
    assert 0 <= run_of_line["seconds"] <= card["seconds"] < 60
    assert f"last loss: {figures['last loss']:.4g}" in out
    expected = {"recipe": "toy", "budget": "smoke", "seed": 3, "steps": 6, "storage": "float32"}
    expected |= {"command": "facelab train toy --budget smoke --seed 3"}
    expected |= {"data": "the shipped people", "facelab": facelab.__version__}
    assert expected.items() <= card.items()
    rows = (tmp_path / "toy_smoke_seed3.work" / "line" / "log.jsonl").read_text().splitlines()
    assert [json.loads(row)["step"] for row in rows] == [2, 4, 6]


def test_the_options_reach_the_recipe_and_the_command_on_the_card(run, toy, tmp_path):
    (tmp_path / "my pack").mkdir()
    toy.breaks[1] = lambda: None
    options = ["--data", "my pack", "--storage", "int8", "--budget", "gpu", "--no-limit"]
    status, _, err = run("train", "toy", *options, "--out", "w.safetensors", "--work", "here")
    assert (status, err) == (0, "")
    card = read_card("w.safetensors")
    command = "facelab train toy --budget gpu --seed 0 --data 'my pack' --storage int8"
    command += " --no-limit"
    assert card["command"] == command and card["data"] == "the pack my pack"
    assert (tmp_path / "here" / "line" / "checkpoint.pt").exists()


def test_the_budget_is_that_of_the_variable_without_the_option(run, toy, monkeypatch):
    monkeypatch.setenv("FACELAB_BUDGET", "laptop")
    assert run("train", "toy")[0] == 0
    assert read_card("toy_laptop_seed0.safetensors")["steps"] == 12


def test_ctrl_c_saves_and_the_same_command_goes_on_to_the_same_weights(run, toy):
    command = ["train", "toy", "--budget", "gpu", "--out", "a.safetensors"]
    toy.breaks[10] = lambda: signal.raise_signal(signal.SIGINT)
    status, _, err = run(*command)
    assert status == 130
    assert "interrupted; the same command goes on from a.work" in err
    assert not Path("a.safetensors").exists()
    toy.breaks.clear()
    status, out, _ = run(*command)
    assert status == 0 and "line goes on at step" in out
    assert run("train", "toy", "--budget", "gpu", "--out", "b.safetensors")[0] == 0
    for name, value in read_tensors("a.safetensors")[0].items():
        assert torch.equal(value, read_tensors("b.safetensors")[0][name])


def test_no_resume_takes_all_steps_again(run, toy):
    command = ["train", "toy", "--budget", "smoke"]
    run(*command)
    toy.steps_taken = 0
    run(*command)
    assert toy.steps_taken == 0, "it was finished"
    run(*command, "--no-resume")
    assert toy.steps_taken >= 6


def test_the_work_of_another_command_is_refused(run, toy):
    run("train", "toy", "--budget", "smoke", "--work", "w")
    status, _, err = run("train", "toy", "--budget", "smoke", "--seed", "1", "--work", "w")
    assert status == 2
    assert "w holds the work of another run" in err and '"seed": 0' in err and "--no-resume" in err
    again = ["train", "toy", "--budget", "smoke", "--seed", "1", "--work", "w", "--no-resume"]
    assert run(*again)[0] == 0


def test_a_loss_that_is_not_finite_ends_with_one_line(run, toy):
    toy.breaks[9] = lambda: setattr(toy, "factor", float("inf"))
    status, _, err = run("train", "toy", "--budget", "gpu")
    assert status == 1
    assert "of line: square=" in err and "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["toyy"], "no recipe is named 'toyy'; known: "),
        (["toy", "--budget", "huge"], "toy has no budget 'huge'; known: smoke, laptop, gpu, paper"),
        (["toy", "--out", "nowhere/x.safetensors"], "there is no folder nowhere"),
        (["toy", "--out", "x.pt"], "ends with .safetensors"),
        (["toy", "--data", "nowhere"], "nowhere: no such folder"),
        (["toy", "--storage", "int4"], "'int4' is not one of float32, float16, int8"),
        (["toy", "--precision", "bf16"], "'bf16' is not one of 32-true"),
        (["toy", "--devices", "0"], "--devices"),
    ],
)
def test_what_is_misused_is_said_before_the_work(run, toy, tmp_path, arguments, message):
    status, _, err = run("train", *arguments)
    assert status == 2
    assert message in err and "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", recipes.names())
def test_a_recipe_of_this_package_has_a_row_for_each_budget(name):
    made = recipes.recipe(name)
    assert [row.name for row in made.budgets] == [row.name for row in BUDGETS]
    assert callable(made.function)


@pytest.fixture
def clone(tmp_path):
    """A folder that looks like the repository, with a benchmark that tells how it was called."""
    (tmp_path / "clone" / "benchmarks").mkdir(parents=True)
    (tmp_path / "clone" / "facelab").mkdir()
    program = tmp_path / "clone" / "benchmarks" / "toy_claims.py"
    program.write_text("import sys\nprint('called with', sys.argv[1:])\nsys.exit(7)\n")
    return tmp_path / "clone"


def test_reproduce_runs_the_program_of_the_clone_and_passes_options_and_status_on(clone, capfd):
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as exit:
        patch.chdir(clone / "benchmarks")
        cli.main(["reproduce", "toy", "--seeds", "3", "--help"])
    assert exit.value.code == 7
    assert "called with ['--seeds', '3', '--help']" in capfd.readouterr().out


def test_reproduce_lists_the_names_there_are(run):
    status, _, err = run("reproduce", "mtcn")
    assert status == 2
    assert "no claims are named 'mtcn'" in err and "mtcnn" in err.split("known:")[1]


def test_reproduce_says_that_it_needs_a_clone(run, monkeypatch, tmp_path):
    monkeypatch.setattr("facelab.training_cli.__file__", str(tmp_path / "x" / "training_cli.py"))
    status, _, err = run("reproduce", "mtcnn")
    assert status == 2
    assert "run this from a clone" in err


@pytest.mark.parametrize("command", ["train", "reproduce"])
def test_help_is_quick_because_it_loads_no_torch(command):
    code = (
        "import sys\nfrom facelab import cli\n"
        f"try: cli.main(['{command}', '--help'])\nexcept SystemExit: pass\n"
        "print(sorted({'torch', 'numpy', 'lightning_fabric'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Exit status" in done.stdout and done.stdout.splitlines()[-1] == "[]"


@pytest.mark.slow
def test_two_processes_write_one_file(tmp_path):
    """The command starts itself once more; the recipe is this file's."""
    program = tmp_path / "train.py"
    program.write_text(
        "import sys\nfrom facelab import cli\nfrom facelab.engine import recipes\n"
        "from tests import test_training_command as here\n"
        "sys.modules['toy_recipe'] = here.Toy()\n"
        "recipes.RECIPES['toy'] = 'toy_recipe:train_on_people'\ncli.main()\n"
    )
    command = [sys.executable, str(program), "train", "toy", "--budget", "smoke"]
    command += ["--devices", "2", "--accelerator", "cpu"]
    environment = os.environ | {"PYTHONPATH": os.getcwd(), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=110
    )
    assert done.returncode == 0, done.stderr
    assert "MEMBER: 2/2" in done.stderr, "or nothing was tested"
    assert done.stdout.count("written after") == 1
    assert read_card(tmp_path / "toy_smoke_seed0.safetensors")["steps"] == 6


def test_the_recipe_of_these_tests_is_a_module_as_any_other(toy):
    assert isinstance(recipes.recipe("toy").function, types.MethodType)
    assert recipes.recipe("toy").budget("smoke").steps == 6
