"""Texts are paragraphs, whatever they are read from."""

import pytest

from chisel.configs import ConfigError
from chisel.corpora import load_texts

BROWN = """\


\tThe/at jury/nn said/vbd ``/`` no/at evidence/nn ''/'' took/vbd place/nn (/( and/cc more/ap )/) ./.
It/pps was/bedz 1/2/cd done/vbn ./.


\tNext/ap ,/, he/pps left/vbd ?/. ?/.
"""


def test_paragraphs_have_an_empty_line_between_them(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("one\ntwo  three\n\n \nfour\n")
    assert load_texts(str(file)) == ["one two three", "four"]
    assert len(load_texts(None)) > 3


def test_a_folder_is_its_text_files_in_the_order_of_their_names(tmp_path):
    (tmp_path / "inner").mkdir()
    for name, text in (("b.txt", "second"), ("a.txt", "first\n\nthen"), ("inner/c.txt", "third")):
        (tmp_path / name).write_text(text)
    (tmp_path / "notes.json").write_text("{}")
    assert load_texts(str(tmp_path)) == ["first", "then", "second", "third"]


def test_the_brown_corpus_is_read_without_its_tags(tmp_path):
    (tmp_path / "ca01").write_text(BROWN)
    (tmp_path / "cats.txt").write_text("ca01 news")
    assert load_texts(str(tmp_path)) == [
        'The jury said "no evidence" took place (and more). It was 1/2 done.',
        "Next, he left??",
    ]


def test_what_holds_no_text_is_one_line(tmp_path):
    with pytest.raises(ConfigError, match=r"holds no text \(\.txt files\)"):
        load_texts(str(tmp_path))
    with pytest.raises(ConfigError, match=r"cannot read .*missing"):
        load_texts(str(tmp_path / "missing"))
