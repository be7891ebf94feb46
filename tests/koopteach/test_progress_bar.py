"""The progress bar shows where a person watches, and nowhere else."""

import io
import sys

from koopteach import progress_bar as progress


class _Terminal(io.StringIO):
    def isatty(self):
        return True


def _watched(monkeypatch):
    monkeypatch.delenv("KOOPTEACH_STRICT", raising=False)
    terminal = _Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    return terminal


def test_progress_is_silent_when_strict(monkeypatch):
    terminal = _watched(monkeypatch)
    monkeypatch.setenv("KOOPTEACH_STRICT", "1")
    assert list(progress.progress(range(3), "steps")) == [0, 1, 2]
    assert not progress.interactive()
    assert terminal.getvalue() == ""


def test_progress_shows_a_bar_to_a_person(monkeypatch):
    terminal = _watched(monkeypatch)
    assert progress.interactive()
    assert list(progress.progress(range(3), "steps")) == [0, 1, 2]
    assert "steps" in terminal.getvalue()


def test_progress_does_without_tqdm(monkeypatch):
    terminal = _watched(monkeypatch)
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    assert list(progress.progress(range(3), "steps")) == [0, 1, 2]
    assert terminal.getvalue() == ""
