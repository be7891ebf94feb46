"""Files on disk: what cannot be written or read ends in one line, whatever the system calls it."""

import os
from pathlib import Path

import pytest
import torch

from koopteach.files import kind_of, load_weights, save_weights
from tests.needs import missing

try:
    import safetensors  # noqa: F401
except ImportError:
    missing("no safetensors: python3 course.py setup --dev")

TENSORS = {"a": torch.arange(3.0)}


def test_what_was_written_comes_back(tmp_path):
    for path in (tmp_path / "with a space ü", str(tmp_path / "text")):
        save_weights(path, "K", {"n": 3}, TENSORS)
        config, tensors = load_weights(path, "K")
        assert (config, kind_of(path), tensors["a"].tolist()) == ({"n": 3}, "K", [0.0, 1.0, 2.0])
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    ("path", "error", "told"),
    [
        ("missing/model", FileNotFoundError, "save: there is no folder .*missing. Make it first"),
        (".", IsADirectoryError, "save: .* is a folder. Name a file in it: .*model.safetensors"),
        ("a\0b", OSError, r"save: .* cannot be written \(.*\). Is there permission, and room"),
    ],
)
def test_a_place_that_takes_no_file_is_told(tmp_path, path, error, told):
    with pytest.raises(error, match=told) as caught:
        save_weights(tmp_path / path, "K", {}, TENSORS)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt" or getattr(os, "geteuid", int)() == 0, reason="whoever may write anywhere")
def test_a_folder_without_permission_is_told(tmp_path):
    tmp_path.chmod(0o555)
    with pytest.raises(OSError, match=r"save: .* cannot be written .* Is there permission"):
        save_weights(tmp_path / "model", "K", {}, TENSORS)


def test_what_is_no_path_or_no_file_is_told(tmp_path):
    for call in (lambda: save_weights(None, "K", {}, TENSORS), lambda: load_weights(7, "K"), lambda: kind_of(None)):
        with pytest.raises(TypeError, match=r"^(save|load): path must be text or a pathlib\.Path, got (None|7)"):
            call()
    with pytest.raises(FileNotFoundError, match=r"load: there is no file .*, that is a folder"):
        load_weights(tmp_path, "K")
    with pytest.raises(FileNotFoundError, match=r"load: there is no file .*nothing\.$"):
        load_weights(Path(tmp_path) / "nothing", "K")
