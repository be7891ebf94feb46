"""Sets of pictures: the same everywhere, never something else than was asked for, and no broken file gets in."""

import functools
import gzip
import hashlib
import struct
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import torch

from koopcourse import load_images
from koopcourse.authoring.embed import embed
from koopcourse.images import fashion
from koopcourse.images.idx import read_idx

FULL_IS_HERE = any(fashion._complete(folder) for folder in (fashion.DEBIAN, fashion.cache()))


def idx(array, kind=0x08):
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, kind, array.ndim, *array.shape) + array.tobytes()


PICTURES = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5)
LABELS = np.array([2, 0, 1], dtype=np.uint8)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("array", [PICTURES, LABELS])
def test_an_idx_file_gives_back_what_was_written(tmp_path, array, pack):
    path = tmp_path / "numbers"
    path.write_bytes(pack(idx(array)))
    np.testing.assert_array_equal(read_idx(path, n_axes=array.ndim), array)


WHOLE = idx(PICTURES)
BROKEN = {
    "another format": (b"PK\3\4" + bytes(40), "is no IDX file: it does not begin with two zero bytes"),
    "empty": (b"", "is no IDX file"),
    "other numbers": (idx(PICTURES, kind=0x0D), "holds numbers of type 0x0d, but bytes"),
    "labels": (idx(LABELS), "has 1 axes, but 3 are needed. Are pictures and labels mixed up?"),
    "half a header": (WHOLE[:9], "is truncated within its header"),
    "no data": (WHOLE[:16], r"is truncated: 60 bytes of data for shape \(3, 4, 5\) are needed, 0 came"),
    "a byte less": (WHOLE[:-1], "is truncated: .* 59 came"),
    "a byte more": (WHOLE + b"\0", "is longer than its header says: .* more came"),
    "boundless header": (struct.pack(">BBBB3I", 0, 0, 8, 3, *3 * [2**32 - 1]), "is truncated: .* 0 came"),
    "half a gzip": (gzip.compress(WHOLE)[:-12], "is truncated or broken gzip"),
    "a flipped bit in a gzip": (gzip.compress(WHOLE)[:-8] + bytes(8), "is truncated or broken gzip"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_refused_in_one_line(tmp_path, name):
    contents, told = BROKEN[name]
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(contents)
    with pytest.raises(ValueError, match=f"read_idx: .*train-images-idx3-ubyte {told}") as caught:
        read_idx(path, n_axes=3)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("name", "shape", "n", "n_test"), [("digits8", 8, 1160, 580), ("fashion28", 28, 1000, 1000)])
def test_a_set_is_balanced_split_and_in_its_units(name, shape, n, n_test):
    images = load_images(name)
    assert images.train.shape == (n, shape, shape)
    assert images.test.shape == (n_test, shape, shape)
    assert images.train.dtype == images.test.dtype == torch.float32
    for labels, count in ((images.train_labels, n), (images.test_labels, n_test)):
        assert labels.dtype == torch.int64
        assert labels.bincount().tolist() == 10 * [count // 10]
    assert (float(images.train.min()), float(images.train.max())) == (0.0, 1.0)
    assert len(images.class_names) == 10
    train, test = images.train.flatten(1), images.test.flatten(1)
    assert float(torch.cdist(test, train).min()) > 0  # no picture is in both


def test_a_nearest_neighbour_reads_the_labels():
    """Labels belong to their pictures: of 580 digits one neighbour names nearly all, of the clothes most."""
    for name, least in (("digits8", 0.97), ("fashion28", 0.7)):
        images = load_images(name)
        nearest = torch.cdist(images.test.flatten(1), images.train.flatten(1)).argmin(dim=1)
        assert float((images.train_labels[nearest] == images.test_labels).double().mean()) > least


def test_two_loads_are_equal_and_own_their_numbers():
    one, two = load_images("fashion28"), load_images("fashion28")
    one.train[0] = 0.5
    assert float(two.train[0].max()) > 0.9


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("mnist28",), "name must be one of digits8, fashion28, fashion28-full, got 'mnist28'"),
        (("digits8", "somewhere"), 'root is the folder of "fashion28-full"; digits8 needs none'),
    ],
)
def test_a_wrong_call_is_told(arguments, told):
    with pytest.raises(ValueError, match=f"load_images: {told}"):
        load_images(*arguments)


def test_what_comes_along_is_declared_small_and_under_its_licence():
    """As an installed package sees it, and as the wheel's list of files promises."""
    data = files("koopcourse.data")
    patterns = (Path(__file__).parents[2] / "course" / "pyproject.toml").read_text(encoding="utf-8")
    for name in ("fashion28-train.npz", "fashion28-test.npz"):
        assert len((data / name).read_bytes()) < 500_000
    assert "Copyright (c) 2017 Zalando SE" in (data / "FASHION-MNIST-LICENSE.txt").read_text(encoding="utf-8")
    for pattern in ('"*.npz"', '"FASHION-MNIST-LICENSE.txt"'):
        assert pattern in patterns.split("[tool.setuptools.package-data]")[1].split("[tool")[0]


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """A computer with empty usual places and no connection."""
    monkeypatch.setattr(fashion, "DEBIAN", tmp_path / "debian")
    monkeypatch.setattr(fashion, "cache", lambda: tmp_path / "cache")
    monkeypatch.setattr(fashion, "URL", "http://127.0.0.1:9")  # the discard port: nobody listens
    monkeypatch.setenv("KOOPTEACH_DATA", str(tmp_path / "named"))
    return tmp_path


def test_a_full_set_that_is_nowhere_names_every_place(nowhere):
    with pytest.raises(FileNotFoundError) as caught:
        load_images("fashion28-full")
    for told in ("named", "debian", "cache", "127.0.0.1:9", "KOOPTEACH_DATA", "root=", *(f[0] for f in fashion.FILES)):
        assert told in str(caught.value)
    assert not any((nowhere / "cache").iterdir())


def test_a_root_without_the_files_is_not_replaced_by_another_place(nowhere):
    small_set(fashion.DEBIAN)
    assert fashion.find() == fashion.DEBIAN
    with pytest.raises(FileNotFoundError, match=r"the folder .*mistyped does not hold train-images-idx3-ubyte, "):
        load_images("fashion28-full", root=nowhere / "mistyped")


def test_the_places_are_looked_at_in_their_order(nowhere):
    for folder in (nowhere / "cache", fashion.DEBIAN, nowhere / "named", nowhere / "root"):
        small_set(folder)
        assert fashion.find(folder if folder.name == "root" else None) == folder
    (nowhere / "named" / f"{fashion.FILES[3][0]}.gz").unlink()
    assert fashion.find() == fashion.DEBIAN


def small_set(folder):
    """Four files of three pictures under the names of Fashion-MNIST."""
    folder.mkdir(parents=True)
    for name, axes, _ in fashion.FILES:
        (folder / f"{name}.gz").write_bytes(gzip.compress(idx(PICTURES if axes == 3 else LABELS)))


def test_other_pictures_under_the_same_names_are_refused(tmp_path):
    small_set(tmp_path / "mnist")
    with pytest.raises(ValueError, match=r"train-images-idx3-ubyte.gz is not Fashion-MNIST .* of MNIST, for one"):
        load_images("fashion28-full", root=tmp_path / "mnist")


@pytest.fixture
def site(tmp_path):
    """A web site with a folder of files; its address and the folder."""

    class Silent(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    folder = tmp_path / "site"
    small_set(folder)
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Silent, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", folder
    server.shutdown()
    thread.join()
    server.server_close()


CONTENTS = tuple(
    (name, axes, hashlib.sha256(PICTURES if axes == 3 else LABELS).hexdigest()) for name, axes, _ in fashion.FILES
)


def test_a_download_is_checked_and_kept(site, tmp_path):
    url, served = site
    folder = fashion.download(url, tmp_path / "kept", CONTENTS)
    assert sorted(path.name for path in folder.iterdir()) == sorted(path.name for path in served.iterdir())
    np.testing.assert_array_equal(read_idx(folder / "t10k-images-idx3-ubyte.gz", n_axes=3), PICTURES)
    for path in served.iterdir():
        path.unlink()
    fashion.download(url, folder, CONTENTS)  # what is there is not fetched again


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda contents: contents[:-12], "truncated or broken gzip"),
        (lambda _: gzip.compress(idx(PICTURES[:2])), "is not Fashion-MNIST"),
        (lambda _: b"<html>moved</html>", "is no IDX file"),
    ],
)
def test_a_spoilt_download_leaves_nothing_of_that_file(site, tmp_path, spoil, told):
    url, served = site
    third = served / f"{CONTENTS[2][0]}.gz"
    third.write_bytes(spoil(third.read_bytes()))
    with pytest.raises(ValueError, match=f"what {url}/{third.name} sent was not kept. .*{told}"):
        fashion.download(url, tmp_path / "kept", CONTENTS)
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == sorted(f"{c[0]}.gz" for c in CONTENTS[:2])


def test_an_endless_download_is_cut_off(site, tmp_path, monkeypatch):
    monkeypatch.setattr(fashion, "_MOST_BYTES", 10)
    with pytest.raises(ValueError, match="is larger than the file that is needed"):
        fashion.download(site[0], tmp_path / "kept", CONTENTS)
    assert not any((tmp_path / "kept").iterdir())


def test_an_interrupted_download_leaves_nothing_behind(site, tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(fashion, "_checked", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fashion.download(site[0], tmp_path / "kept", CONTENTS)
    assert not any((tmp_path / "kept").iterdir())


@pytest.mark.slow
@pytest.mark.skipif(not FULL_IS_HERE, reason="the full Fashion-MNIST is not on this computer")
def test_the_embedded_pictures_are_those_of_the_full_set(tmp_path):
    embed(folder=tmp_path)
    for part in ("train", "test"):
        with np.load(tmp_path / f"fashion28-{part}.npz") as new:
            images = load_images("fashion28")
            pictures, labels = getattr(images, part), getattr(images, f"{part}_labels")
            np.testing.assert_array_equal(new["pictures"].astype(np.float32) / 255, pictures)
            np.testing.assert_array_equal(new["labels"], labels)
