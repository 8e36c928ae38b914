"""Run a solved notebook; keep only outputs that need no kernel and do not name the machine."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from facelab.course.editions import LANGUAGE
from facelab.course.source import BuildError
from facelab.widgets.base import static_only

CELL_LIMIT_S = 300
LAB_LIMIT_S = 1200
_ADDRESS = re.compile(r"\b0x[0-9a-f]{8,}\b")
_PROGRESS = re.compile(r"\r|\d%\|")


def execute(notebook: NotebookNode, *, folder: Path, budget: str = "laptop") -> None:
    """Run the notebook in place, in `folder`, with this Python and a limit on time.

    The learner's own records are not touched.
    Raises BuildError that names the cell when one fails, hangs or leaves an output that cannot
    be stored.
    """
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    lab = notebook.metadata["facelab"]["lab"]
    # Without kernel folders the only kernel is this Python's own, whatever else is installed.
    manager = AsyncKernelManager(
        kernel_name="python3", kernel_spec_manager=KernelSpecManager(kernel_dirs=[])
    )
    client = NotebookClient(
        notebook,
        km=manager,
        timeout=CELL_LIMIT_S,
        iopub_timeout=10,
        startup_timeout=120,
        record_timing=False,
        store_widget_state=False,
        resources={"metadata": {"path": str(folder)}},
    )
    with tempfile.TemporaryDirectory() as home:
        env = os.environ | {
            "FACELAB_BUDGET": budget,
            "FACELAB_HOME": home,
            "JPY_SESSION_NAME": str(folder / f"{lab}.ipynb"),
            "PYTHONHASHSEED": "0",
        }
        said = open(Path(home) / "kernel.log", "w+", encoding="utf-8")
        try:
            running = client.async_execute(env=env, stderr=said, cleanup_kc=True)
            asyncio.run(asyncio.wait_for(running, LAB_LIMIT_S))
        except CellExecutionError as error:
            raise BuildError(
                f"{lab}: a cell of the solution fails\n{plain_text(str(error))}"
            ) from None
        except (CellTimeoutError, TimeoutError):
            raise BuildError(f"{lab}: the solution did not come to an end in time") from None
        except DeadKernelError:
            said.seek(0)
            raise BuildError(f"{lab}: the kernel died\n{said.read()[-1000:]}") from None
        finally:
            said.close()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            kept = [output for output in map(_static, cell.outputs) if output is not None]
            compared = "nbval-check-output" in cell.metadata.get("tags", ())
            if compared and len(kept) < len(cell.outputs):
                raise BuildError(
                    f"{lab}: a cell tagged nbval-check-output draws a progress bar, which is not "
                    f"stored, so that nbval would find a difference:\n{cell.source}"
                )
            cell.outputs = kept
            _check_outputs(lab, cell)
    notebook.metadata["language_info"] = dict(LANGUAGE)
    notebook.metadata["facelab"]["budget"] = budget
    notebook.metadata.pop("widgets", None)


def _static(output: NotebookNode) -> NotebookNode | None:
    """Return the output without widget views, or None when it is a progress bar."""
    if output.output_type == "stream" and output.name == "stderr":
        text = output.text
        if not text.strip() or _PROGRESS.search(text):
            return None
    if "data" in output:
        data = static_only(output.data)
        if data is None:
            return None
        output.data = NotebookNode(data)
    return output


def _check_outputs(lab: str, cell: NotebookNode) -> None:
    """Refuse warnings, pictures without alt text, widgets without a twin, machine paths."""
    first = cell.source.strip().splitlines()[0] if cell.source.strip() else "(empty)"
    where = f"{lab}: the cell that begins {first!r}"
    text = ""
    for output in cell.outputs:
        if output.output_type == "stream" and output.name == "stderr":
            raise BuildError(f"{where} writes to stderr: {output.text.strip()[:500]}")
        data: dict[str, Any] = output.get("data", {})
        if any(kind.startswith("image/") for kind in data):
            raise BuildError(f"{where} shows a picture without alt text; use plots.show")
        text += output.get("text", "") + str(data.get("text/plain", "")) + data.get("text/html", "")
    for tag in re.findall(r"<img\b[^>]*>", text):
        if not re.search(r'\balt="[^"]+"', tag):
            raise BuildError(f"{where} shows a picture without alt text")
    if "widget" in cell.metadata.get("tags", ()) and "<" not in text:
        raise BuildError(f"{where} has no static twin; return with_static(...)")
    readable = re.sub(r'src="data:[^"]*"', "", text)
    for path in _machine_paths():
        if re.search(rf"(?<![\w.]){re.escape(path)}\b", readable):
            raise BuildError(f"{where} prints a path of this machine: {path}")
    if _ADDRESS.search(readable):
        raise BuildError(f"{where} prints a memory address, which changes every run")


def _machine_paths() -> list[str]:
    package = Path(__file__).resolve().parents[2]
    places = [Path.home(), Path(sys.prefix), package, Path(tempfile.gettempdir()), Path.cwd()]
    return sorted({str(place) for place in places if len(place.parts) > 1})


def plain_text(text: str) -> str:
    """Return a traceback without terminal colours."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)
