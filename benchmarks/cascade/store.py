"""Keep what is finished, so that a run that was killed goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import as_completed
from pathlib import Path
from typing import Any, TypeVar

from facelab.engine.files import write_whole
from facelab.engine.workers import worker_pool

Task = TypeVar("Task")


class Store:
    """Results by name, each a JSON file in a folder, written at once when it is there.

    about: what decides the results (plan, data); a folder of another about is refused. None: the
    folder is known to be the right one.
    Raises ValueError for a folder of something else.
    """

    def __init__(self, folder: Path, about: dict[str, Any] | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        if about is None:
            return
        file, text = folder / "about.json", json.dumps(about, sort_keys=True)
        held = file.read_text(encoding="utf-8") if file.exists() else text
        if held != text:
            raise ValueError(
                f"{folder} holds the work of another run: {held}; this one is {text}. Choose "
                "another folder with --work, or delete that one"
            )
        write_whole(file, text)

    def get(self, name: str) -> Any:
        """Give a result, or None when it is not there yet."""
        try:
            return json.loads((self.folder / f"{name}.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None

    def put(self, name: str, result: Any) -> None:
        """Store a result, in full or not at all."""
        write_whole(self.folder / f"{name}.json", json.dumps(result))


def spread(
    tasks: Sequence[Task], work: Callable[[Task], Any], *, workers: int
) -> Iterator[tuple[Task, Any]]:
    """Do tasks in several processes of one thread each; yield each with its result when done.

    workers: processes; 0 does them here. Tasks and `work` are sent to the processes.
    """
    if workers == 0:
        for task in tasks:
            yield task, work(task)
        return
    with worker_pool(workers) as pool:
        futures = {pool.submit(work, task): task for task in tasks}
        for future in as_completed(futures):
            yield futures[future], future.result()
