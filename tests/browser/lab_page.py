"""What a test does with one notebook in JupyterLab: open, run, look, move sliders."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CONNECTED = """() => {
    const kernel = window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel;
    return !!kernel && kernel.connectionStatus === 'connected' && kernel.status === 'idle';
}"""

# One line a code cell that is not empty: has it run to its end, and which errors does it show?
CELLS = """() => {
    const kernel = jupyterapp.shell.currentWidget.sessionContext.session?.kernel;
    const cells = [...jupyterapp.shell.currentWidget.content.model.cells]
        .filter(cell => cell.type === 'code' && cell.sharedModel.getSource().trim());
    return {
        idle: kernel?.status === 'idle',
        cells: cells.map(cell => ({
            source: cell.sharedModel.getSource(),
            finished: cell.executionCount !== null,
            errors: cell.sharedModel.getOutputs().filter(o => o.output_type === 'error')
                .map(o => `${o.ename}: ${o.evalue}`),
        })),
    };
}"""

# Everything that is drawn next to a slider, in its own output.
PICTURE = """slider => {
    const area = slider.closest('.jp-OutputArea-output');
    const drawn = [...area.querySelectorAll('img, svg, canvas')];
    return drawn.map(e => e.tagName === 'IMG' ? e.src
        : e.tagName === 'CANVAS' ? e.toDataURL() : e.outerHTML).join('\\n');
}"""

# The outputs that hold sliders, by the sliders' positions in the page.
SLIDER_GROUPS = """() => {
    const groups = new Map();
    document.querySelectorAll('.widget-slider').forEach((slider, i) => {
        const area = slider.closest('.jp-OutputArea-output');
        if (slider.offsetParent && !area.closest('.jp-LinkedOutputView'))
            groups.set(area, [...(groups.get(area) ?? []), i]);
    });
    return [...groups.values()];
}"""

# The element that scrolls the notebook.
SCROLLER = """() => {
    const panel = jupyterapp.shell.currentWidget.content.node;
    const hidden = e => e.scrollHeight - e.clientHeight;
    return [panel, ...panel.querySelectorAll('*')]
        .filter(e => ['auto', 'scroll'].includes(getComputedStyle(e).overflowY))
        .reduce((best, e) => hidden(e) > hidden(best) ? e : best, panel);
}"""


@dataclass
class LabPage:
    """A notebook that is open in the browser."""

    page: Any

    @classmethod
    def open(cls, page: Any, address: str) -> "LabPage":
        """Open a notebook and wait for its kernel.

        The indicator in the toolbar says idle before there is a kernel, so the kernel is asked.
        """
        page.goto(address)
        page.wait_for_function(CONNECTED, timeout=90_000)
        return cls(page)

    def run_all(self, seconds: float = 240) -> list[str]:
        """Run all cells; return the errors that cells show, as "line of the cell: error"."""
        # With braces: the promise of the command is not awaited.
        self.page.evaluate("() => { jupyterapp.commands.execute('notebook:run-all-cells'); }")
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            state = self.page.evaluate(CELLS)
            errors = [
                f"{cell['source'].strip().splitlines()[0]}: {error}"
                for cell in state["cells"]
                for error in cell["errors"]
            ]
            if errors:
                return errors
            if state["idle"] and all(cell["finished"] for cell in state["cells"]):
                return []
            self.page.wait_for_timeout(100)
        waiting = [cell["source"] for cell in state["cells"] if not cell["finished"]]
        return [f"still running after {seconds:.0f} s: {(waiting or ['?'])[0][:200]}"]

    def broken_views(self) -> list[str]:
        """Return the texts that stand where a widget should be."""
        self.page.wait_for_function(
            "() => !document.body.innerText.includes('Loading widget...')", timeout=30_000
        )
        text = self.page.evaluate("() => document.body.innerText")
        signs = ("Error displaying widget", "Error creating widget", "model not found")
        return [line for line in text.splitlines() if any(sign in line for sign in signs)]

    def slider_groups(self) -> list[list[int]]:
        """Return the sliders of each output that has some, numbered as in the page."""
        return self.page.evaluate(SLIDER_GROUPS)

    def picture(self, slider: int) -> str:
        """Return what is drawn beside a slider, as text that differs when the picture does."""
        return self.page.locator(".widget-slider").nth(slider).evaluate(PICTURE)

    def move(self, slider: int, key: str) -> str:
        """Press a key on a slider's handle; return the new number that stands beside it."""
        place = self.page.locator(".widget-slider").nth(slider)
        before = place.locator(".widget-readout").inner_text()
        place.locator(".noUi-handle").first.press(key)
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            after = place.locator(".widget-readout").inner_text()
            if after != before:
                return after
            self.page.wait_for_timeout(50)
        return before

    def picture_follows(self, slider: int, seconds: float = 30) -> bool:
        """Move a slider by keyboard, back and forth; say whether the picture changed."""
        before = self.picture(slider)
        for key in ("PageUp", "PageDown", "PageDown", "End", "Home"):
            self.move(slider, key)
            deadline = time.monotonic() + seconds / 5
            while time.monotonic() < deadline:
                if self.picture(slider) != before:
                    return True
                self.page.wait_for_timeout(50)
        return False

    def photograph(self, folder: Path, name: str) -> None:
        """Write screenshots of the notebook from top to bottom: NAME-01.png, NAME-02.png..."""
        folder.mkdir(parents=True, exist_ok=True)
        self.page.evaluate("() => { jupyterapp.commands.execute('application:toggle-left-area'); }")
        self.page.wait_for_timeout(500)
        scroller = self.page.evaluate_handle(SCROLLER)
        height, step = scroller.evaluate("e => [e.scrollHeight, e.clientHeight - 60]")
        for number, top in enumerate(range(0, height, step), start=1):
            scroller.evaluate("(e, top) => e.scrollTo(0, top)", top)
            self.page.wait_for_timeout(300)
            self.page.screenshot(path=folder / f"{name}-{number:02}.png")
