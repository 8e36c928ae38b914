"""One JupyterLab server and one browser for all browser tests."""

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from find_browser import MISSING, NO_BROWSER, find_browser

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(__file__).parent / "data"

collect_ignore = ["data"]

SETTINGS = {
    # All cells stay in the page, also those out of sight, so that tests see every output.
    "notebook-extension/tracker": {"windowingMode": "none"},
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}


@dataclass(frozen=True)
class Server:
    """A running JupyterLab and the folder that it shows."""

    url: str
    token: str
    folder: Path

    def address(self, notebook: str) -> str:
        """Return the address that opens a notebook of the folder in a fresh workspace."""
        return f"{self.url}/lab/tree/{notebook}?token={self.token}&reset"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def isolated_environment(folder: Path) -> dict[str, str]:
    """Return an environment in which nothing of the user's Jupyter is read or written."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("JUPYTER")}
    ours = {
        "JUPYTER_CONFIG_DIR": folder / "config",
        "JUPYTER_DATA_DIR": folder / "data",
        "JUPYTER_RUNTIME_DIR": folder / "runtime",
        "JUPYTERLAB_SETTINGS_DIR": folder / "settings",
        "JUPYTERLAB_WORKSPACES_DIR": folder / "workspaces",
        "IPYTHONDIR": folder / "ipython",
        "FACELAB_HOME": folder / "facelab",
    }
    return {**kept, "FACELAB_BUDGET": "smoke", **{name: str(path) for name, path in ours.items()}}


def wait_until_up(process: subprocess.Popen[bytes], server: Server, log: Path) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        with contextlib.suppress(urllib.error.URLError, OSError):
            address = f"{server.url}/api/status?token={server.token}"
            with urllib.request.urlopen(address, timeout=5):
                return
        time.sleep(0.2)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text(errors='replace')[-3000:]}")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve copies of the learner labs and of the harness's notebooks."""
    folder = tmp_path_factory.mktemp("jupyter")
    shown = folder / "shown"
    shutil.copytree(ROOT / "notebooks", shown) if (ROOT / "notebooks").exists() else shown.mkdir()
    shutil.copytree(DATA, shown, dirs_exist_ok=True)
    for name, setting in SETTINGS.items():
        file = folder / "settings/@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(setting))

    port = free_port()
    server = Server(f"http://127.0.0.1:{port}", secrets.token_hex(16), shown)
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1"]
    command += [f"--port={port}", "--ServerApp.port_retries=0"]
    command += [f"--IdentityProvider.token={server.token}", f"--ServerApp.root_dir={shown}"]
    command += ["--LabApp.expose_app_in_browser=True", "--LabApp.news_url=None"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    log = folder / "jupyterlab.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            env=isolated_environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_until_up(process, server, log)
        yield server
    finally:
        # Kernels have sessions of their own: the server ends them when it is asked to stop.
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(timeout=20)


@pytest.fixture(scope="session")
def browser():
    """Start headless Chromium; fail where there is none, unless FACELAB_NO_BROWSER=1."""
    if os.environ.get(NO_BROWSER) == "1":
        pytest.skip(f"{NO_BROWSER}=1: THE LABS WERE NOT TRIED IN A BROWSER")
    from playwright.sync_api import sync_playwright

    path = find_browser()
    if path is None:
        pytest.fail(MISSING)
    flags = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=[*flags, "--disable-background-networking"]
        )
        yield browser
        browser.close()


@pytest.fixture
def page(browser):
    """Open an empty page; its messages are not kept from one test to the next."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    context.set_default_timeout(60_000)
    yield context.new_page()
    context.close()
