"""Find the browser of the browser test; run as a program, fetch one where there is none.

Order: $CHROMIUM, the system's Chromium or Chrome, playwright's own.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
MAC = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
NO_BROWSER = "FACELAB_NO_BROWSER"
MISSING = (
    "the browser test found no Chromium or Chrome and none could be fetched.\n"
    "Install one (Debian, Ubuntu: apt-get install chromium), name one with CHROMIUM=/path/to/it,\n"
    f"or leave this test out with {NO_BROWSER}=1."
)


def system_browser() -> str | None:
    """Return the path of an installed Chromium or Chrome; $CHROMIUM wins, right or wrong."""
    if chosen := os.environ.get("CHROMIUM"):
        return shutil.which(chosen) or chosen
    found = next(filter(None, map(shutil.which, NAMES)), None)
    return found or (MAC if Path(MAC).exists() else None)


def own_browser() -> str | None:
    """Return the path of the Chromium that playwright has downloaded."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def find_browser() -> str | None:
    """Return the path of a browser that is here already."""
    return system_browser() or own_browser()


def main() -> None:
    """Fetch playwright's Chromium where there is no other; the test says what is still missing."""
    if os.environ.get(NO_BROWSER) == "1" or find_browser():
        return
    print("No Chromium or Chrome here: fetching playwright's (about 170 MB).", flush=True)
    try:
        subprocess.run(
            [sys.executable, "-m", "playwright", "install", "chromium"],
            timeout=600,
            stdout=None if sys.stdout.isatty() else subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        print("Gave up after ten minutes.", flush=True)


if __name__ == "__main__":
    main()
