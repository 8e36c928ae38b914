"""Workers have one thread each and never outlive who started them."""

import os
import signal
import subprocess
import sys
import time

from facelab.engine.workers import worker_pool

RUN = """
import time
from facelab.engine.workers import worker_pool
if __name__ == "__main__":
    with worker_pool(2) as pool:
        futures = [pool.submit(time.sleep, 60) for _ in range(2)]
        while not all(future.running() for future in futures):
            time.sleep(0.05)
        print("working", flush=True)
        time.sleep(60)
"""


def get(name):
    return os.environ.get(name)


def test_every_worker_has_one_thread_and_this_process_keeps_its_own(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    with worker_pool(1) as pool:
        assert [pool.submit(get, f"{n}_NUM_THREADS").result() for n in ("OMP", "MKL")] == ["1", "1"]
    assert (get("OMP_NUM_THREADS"), get("MKL_NUM_THREADS")) == ("7", None)


def test_work_that_was_not_begun_is_left_when_the_block_ends():
    begun = time.monotonic()
    with worker_pool(1) as pool:
        futures = [pool.submit(time.sleep, 0.5) for _ in range(200)]
        futures[0].result()
    assert time.monotonic() - begun < 60
    assert futures[-1].cancelled()


def test_workers_end_with_a_parent_that_is_killed(tmp_path):
    script = tmp_path / "run.py"
    script.write_text(RUN)
    run = subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    with run.stdout as said:
        assert said.readline() == "working\n"
    run.kill()
    run.wait()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            os.killpg(run.pid, 0)  # is anybody left?
        except ProcessLookupError:
            return
        time.sleep(0.05)
    os.killpg(run.pid, signal.SIGKILL)
    raise AssertionError("workers outlived the process that started them")
