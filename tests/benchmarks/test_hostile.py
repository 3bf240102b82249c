"""The commands that send hostile inputs."""

from __future__ import annotations

from benchmarks import fuzz, hostile
from tests.support.documents import document


def test_the_cases_can_be_listed_and_chosen(capsys):
    assert hostile.main(["--list"]) == 0
    assert len(capsys.readouterr().out.splitlines()) >= 300
    assert hostile.main(["--list", "--only", "slow progressive JPEG"]) == 0
    assert capsys.readouterr().out.split() == ["image", "slow", "progressive", "JPEG"]
    assert hostile.main(["--list", "--bombs"]) == 0
    assert len(capsys.readouterr().out.splitlines()) >= 60


def test_what_is_not_there_is_named(capsys):
    assert hostile.main(["--only", "no such case"]) == 2
    assert hostile.main(["--surface", "telepathy"]) == 2
    assert fuzz.main(["--target", "telepathy"]) == 2
    assert "telepathy" in capsys.readouterr().err


def test_fuzzing_says_what_it_lacks(monkeypatch, capsys):
    monkeypatch.setattr(fuzz, "find_spec", lambda name: None)
    assert fuzz.main(["--target", "png"]) == 4
    assert "smolvlm-tools[fuzz]" in capsys.readouterr().err


def test_a_saved_input_is_tried_again(tmp_path, capsys):
    saved = tmp_path / "crash-1"
    saved.write_bytes(document()[:40])
    assert fuzz.main(["--target", "png", "--reproduce", str(saved)]) == 0
    assert capsys.readouterr().out == "refused\n"
