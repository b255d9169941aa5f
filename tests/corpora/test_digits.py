"""Data sets have the same parts every time; damaged files are refused in one line."""

import gzip

import numpy as np
import pytest
from sklearn import datasets

from chisel.configs import ConfigError, DigitsConfig, MnistConfig
from chisel.corpora import HALVES, half_of, load_data
from tests.corpora.idx_files import content, idx

FILES = {
    "train-images-idx3-ubyte": (7, 3, 2),
    "train-labels-idx1-ubyte": (7,),
    "t10k-images-idx3-ubyte": (4, 3, 2),
    "t10k-labels-idx1-ubyte": (4,),
}


@pytest.fixture
def folder(tmp_path):
    for name, shape in FILES.items():
        (tmp_path / name).write_bytes(idx(name, shape))
    return tmp_path


def load(folder, **options):
    return load_data(MnistConfig(path=str(folder), **options))


def test_digits_come_in_the_same_disjoint_parts_every_time():
    one, two = load_data(DigitsConfig()), load_data(DigitsConfig())
    assert [len(part) for part in (one.train, one.validation, one.test)] == [1197, 200, 400]
    seen = []
    for name in ("train", "validation", "test"):
        part = one.part(name)
        assert np.array_equal(part.images, two.part(name).images)
        assert np.array_equal(part.digits, two.part(name).digits)
        pairs = zip(part.images, part.digits, strict=True)
        seen += [(image.tobytes(), digit) for image, digit in pairs]
    source = datasets.load_digits()
    wanted = [
        ((image / 16 * 2 - 1).astype(np.float32).tobytes(), digit)
        for image, digit in zip(source.images, source.target, strict=True)
    ]
    assert sorted(seen) == sorted(wanted)


def test_the_halves_are_the_papers():
    assert [HALVES[half] for half in half_of(np.arange(10))] == ["low"] * 5 + ["high"] * 5


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("dots", [False, True])
def test_idx_files_are_read_by_all_names_they_go_by(folder, zipped, dots):
    for file in list(folder.iterdir()):
        name = file.name.replace("-idx", ".idx") if dots else file.name
        data = file.read_bytes()
        file.unlink()
        new = folder / (f"{name}.gz" if zipped else name)
        new.write_bytes(gzip.compress(data) if zipped else data)
    data = load(folder)
    for part, prefix in ((data.train, "train"), (data.test, "t10k")):
        name = f"{prefix}-images-idx3-ubyte"
        shape = FILES[name]
        pixels = np.array(list(content(name, shape))).reshape(shape)
        assert part.images == pytest.approx(pixels / 127.5 - 1, abs=1e-6)
        assert part.images.dtype == np.float32
        name = f"{prefix}-labels-idx1-ubyte"
        assert part.digits.tolist() == list(content(name, FILES[name]))
    assert len(data.validation) == 0


def test_validation_examples_are_the_last_of_training_and_no_longer_trained_on(folder):
    whole, split = load(folder), load(folder, validation=3)
    assert np.array_equal(split.train.images, whole.train.images[:4])
    assert np.array_equal(split.validation.images, whole.train.images[4:])
    assert np.array_equal(split.validation.digits, whole.train.digits[4:])


IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
WHOLE = idx(IMAGES, FILES[IMAGES])
DAMAGE = {
    "cut": {IMAGES: WHOLE[:-1]},
    "cut header": {IMAGES: WHOLE[:9]},
    "a web page": {IMAGES: b"<html>404</html>"},
    "floats": {IMAGES: idx(IMAGES, FILES[IMAGES], kind=13)},
    "no gzip": {IMAGES: None, f"{IMAGES}.gz": WHOLE},
    "cut gzip": {IMAGES: None, f"{IMAGES}.gz": gzip.compress(WHOLE)[:-9]},
    "too few labels": {LABELS: idx(LABELS, (6,))},
    "labels as images": {IMAGES: idx(IMAGES, (7,))},
    "a label of 200": {LABELS: idx(LABELS, (7,))[:-1] + b"\xc8"},
    "other size": {"t10k-images-idx3-ubyte": idx("t10k-images", (4, 3, 3))},
    "missing": {LABELS: None},
}
"""Contents of each damaged file; None removes it."""


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("cut", "57 bytes, where 58 belong to 7x3x2; is it a whole download"),
        ("cut header", "is it a whole download"),
        ("a web page", "is no idx file"),
        ("floats", r"numbers of type 0x0d, not bytes"),
        ("no gzip", "can't read .*train-images-idx3-ubyte.gz"),
        ("cut gzip", "can't read .*train-images-idx3-ubyte.gz"),
        ("too few labels", r"images \[7, 3, 2\] and labels \[6\]"),
        ("labels as images", r"images \[7\] and labels \[7\]"),
        ("a label of 200", "has a label 200; 0 to 9 only"),
        ("other size", "training and test pictures differ in size"),
        ("missing", r"no train-labels-idx1-ubyte or train-labels-idx1-ubyte.gz; set corpus.path="),
    ],
)
def test_damaged_files_are_refused_in_one_line(folder, what, message):
    for name, data in DAMAGE[what].items():
        (folder / name).unlink() if data is None else (folder / name).write_bytes(data)
    with pytest.raises(ConfigError, match=message) as caught:
        load(folder)
    assert str(caught.value).startswith("corpus.path")
    assert "\n" not in str(caught.value)


def test_a_missing_folder_and_too_many_validation_examples_are_refused(folder):
    with pytest.raises(ConfigError, match=r"there is no such folder; set corpus\.path=FOLDER"):
        load(folder / "nowhere")
    with pytest.raises(ConfigError, match=r"corpus\.validation = 7: there are only 7"):
        load(folder, validation=7)
