"""Run a notebook in a fresh kernel and leave outputs that are the same at the next run.

``python -m koopcourse.authoring.execute NOTEBOOK`` runs one, changes nothing, and says in a line where it stopped.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from koopcourse.notebook_io import KERNEL, notebook_bytes, read_notebook
from koopcourse.terminal import print_anything

if TYPE_CHECKING:
    from nbclient import NotebookClient
    from nbformat import NotebookNode

CELL_SECONDS = 120
RECORDED_SECONDS = 600  # a widget's pictures take up to a minute, and the computer may be busy
STORED_BYTES = 1_000_000
VIEW = "application/vnd.jupyter.widget-view+json"
_STATE = "application/vnd.jupyter.widget-state+json"


class CannotBuild(RuntimeError):
    """A notebook stopped, or left something that may not be stored. The message is for its author."""


def kernel_environment(progress: Path, *, untouched: bool = False, record: Path | None = None) -> dict[str, str]:
    """The environment of a build: strict, one thread, the CPU, the quick profile, figures inline.

    Args:
        progress: a throw-away file, so that a build does not count as somebody's progress.
        untouched: True for exercises that nobody has solved, whose failed checks must not stop the run.
        record: a folder for the pictures of its widgets; None to record none.
    """
    dropped = {"MPLBACKEND", "KOOPTEACH_PROFILE", "KOOPTEACH_UNTOUCHED", "KOOPTEACH_RECORD"}
    environment = {name: value for name, value in os.environ.items() if name not in dropped}
    environment |= {"KOOPTEACH_STRICT": "1", "KOOPTEACH_DEVICE": "cpu", "OMP_NUM_THREADS": "1"}
    environment["KOOPTEACH_PROGRESS"] = str(progress)
    if untouched:
        environment["KOOPTEACH_UNTOUCHED"] = "1"
    if record is not None:
        environment["KOOPTEACH_RECORD"] = str(record)
    return environment


def execute(
    notebook: NotebookNode, folder: Path, *, untouched: bool = False, record: Path | None = None
) -> NotebookNode:
    """Run all cells in place and settle their outputs.

    Args:
        notebook: what to run.
        folder: where it runs.
        untouched: True for exercises that nobody has solved.
        record: a folder for the pictures of its widgets, which ``recordings.store`` takes over.

    Raises:
        CannotBuild: if a cell raises or hangs, or a widget has no picture to stand for it.
    """
    from nbclient.exceptions import CellControlSignal, DeadKernelError

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        environment = kernel_environment(Path(scratch) / "progress.json", untouched=untouched, record=record)
        try:
            # The kernel's own log is noise; what cells write to stderr arrives as an output.
            _client(notebook, folder, record).execute(env=environment, stderr=subprocess.DEVNULL)
        except (CellControlSignal, DeadKernelError, TimeoutError) as stopped:
            raise CannotBuild(_what_stopped(notebook, stopped)) from None
    return _settle(notebook)


def _client(notebook: NotebookNode, folder: Path, record: Path | None) -> NotebookClient:
    from nbclient import NotebookClient
    from nbclient.output_widget import OutputWidget

    class Display(OutputWidget):
        """An output area that keeps what it shows to itself.

        nbclient's own tells the kernel about each output, on the socket on which it awaits the cell's end.
        One time in twenty this loses the wake-up, and the end is seen only when the time limit is reached.
        """

        def sync_state(self) -> None:
            pass

    client = NotebookClient(
        notebook,
        timeout=CELL_SECONDS if record is None else RECORDED_SECONDS,
        kernel_name="python3",
        record_timing=False,
        resources={"metadata": {"path": str(folder)}},
    )
    if record is not None:
        # What the kernel itself counts differs between releases of IPython.
        client.on_cell_execute = lambda cell, cell_index: (record / "cell").write_text(str(cell_index), "utf-8")
    client.widget_registry = {"@jupyter-widgets/output": {"OutputModel": Display}}
    return client


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def complaints(notebook: NotebookNode) -> list[str]:
    """What an executed notebook may not be stored with."""
    found = []
    for count, cell in enumerate(code_cells(notebook), start=1):
        if cell.execution_count != count:
            found.append(f"{cell.id} has execution count {cell.execution_count}, needed {count}: build it again")
        for output in cell.outputs:
            if output.output_type == "execute_result":
                found.append(f"{cell.id} ends in a bare value: print it with show(label, value), or assign it to _")
            if output.get("name") == "stderr":
                found.append(f"{cell.id} wrote to stderr, which holds paths: {output.text.strip()[:200]}")
    if "widgets" in notebook.metadata or any(VIEW in output.get("data", {}) for output in _outputs(notebook)):
        found.append("it holds a widget's state or view: build it again")
    size = len(notebook_bytes(notebook))
    if size > STORED_BYTES:
        found.append(f"it takes {size / 1e6:.1f} MB, at most {STORED_BYTES / 1e6:.0f}: fewer or smaller figures")
    return found


def _outputs(notebook: NotebookNode) -> Iterator[NotebookNode]:
    for cell in code_cells(notebook):
        yield from cell.outputs


def _what_stopped(notebook: NotebookNode, stopped: Exception) -> str:
    for cell in code_cells(notebook):
        for output in cell.outputs:
            if output.output_type == "error":
                source = "\n".join(f"    {line}" for line in cell.source.splitlines())
                return f"cell {cell.id} stopped with {output.ename}: {output.evalue}\n{source}"
    return f"{type(stopped).__name__}: {stopped}"  # a hanging cell or a dead kernel leaves no error output


def _settle(notebook: NotebookNode) -> NotebookNode:
    states = notebook.metadata.pop("widgets", {}).get(_STATE, {}).get("state", {})
    for cell in code_cells(notebook):
        shown = [still for output in cell.outputs for still in _still(output, states, cell.id)]
        cell.outputs = _joined(shown)
    notebook.metadata.update(KERNEL)  # the kernel wrote its patch version
    return notebook


def _still(output: NotebookNode, states: dict[str, Any], cell: str) -> list[NotebookNode]:
    """The output itself, or for a widget the picture that it shows: a static page can draw no widget."""
    if VIEW not in output.get("data", {}):
        return [output]
    pictures = list(_inside(output.data[VIEW]["model_id"], states))
    if not pictures:
        raise CannotBuild(f"cell {cell} shows a widget without a picture. Draw through koopcourse.plotting.explore.")
    return pictures


def _inside(model: str, states: dict[str, Any]) -> Iterator[NotebookNode]:
    from nbformat import NotebookNode, from_dict

    state = states[model.removeprefix("IPY_MODEL_")]["state"]
    for output in state.get("outputs", ()):
        still = from_dict(output)
        assert isinstance(still, NotebookNode)
        yield still
    for child in state.get("children", ()):
        yield from _inside(child, states)


def _joined(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Neighbouring pieces of one stream as one: where a stream is cut is a matter of timing."""
    joined: list[NotebookNode] = []
    for output in outputs:
        last = joined[-1] if joined else {}
        if output.output_type == "stream" and last.get("name") == output.name:
            joined[-1].text += output.text
        else:
            joined.append(output)
    return joined


def main(path: str) -> int:
    """Execute one notebook; 1 and a line if it stops."""
    print_anything()
    try:
        execute(read_notebook(Path(path)), Path(path).parent)
    except CannotBuild as stopped:
        print(str(stopped).splitlines()[0])
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
