"""The conversion to llama.cpp's files leaves whole files or none."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.checkpoints import gguf as make_gguf
from benchmarks.paths import gguf_files
from smolvlm_tools.errors import BackendUnavailable, ModelNotFound


def test_converting_says_what_is_missing(tmp_path: Path, tiny_a: Path) -> None:
    files, converter = gguf_files(tmp_path / "model"), tmp_path / "convert_hf_to_gguf.py"
    with pytest.raises(ModelNotFound, match="holds no checkpoint"):
        make_gguf.make_gguf(tmp_path, converter, files, print)
    with pytest.raises(ModelNotFound, match="there is no converter"):
        make_gguf.make_gguf(tiny_a, converter, files, print)
    assert not files.text.parent.exists()


def test_a_converter_that_fails_leaves_no_file(
    tmp_path: Path, tiny_a: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(make_gguf.importlib.util, "find_spec", lambda name: object())
    files, converter = gguf_files(tmp_path / "model"), tmp_path / "convert_hf_to_gguf.py"
    converter.write_text("import sys; open(sys.argv[3], 'w').close(); sys.exit('unknown model')")
    with pytest.raises(BackendUnavailable, match="unknown model"):
        make_gguf.make_gguf(tiny_a, converter, files, lambda text: None)
    assert list(files.text.parent.iterdir()) == []
    converter.write_text("import sys; open(sys.argv[3], 'w').write(' '.join(sys.argv))")
    make_gguf.make_gguf(tiny_a, converter, files, lambda text: None)
    assert files.missing() == []
    assert "--mmproj" in files.vision.read_text() and "--mmproj" not in files.text.read_text()


def test_the_command_builds_the_checkpoint_where_none_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made: list[Path] = []
    monkeypatch.setattr(make_gguf, "default_checkpoint", lambda *_: tmp_path / "built")
    monkeypatch.setattr(make_gguf, "make_gguf", lambda folder, *_: made.append(folder))
    assert make_gguf.main(["--converter", "x.py"]) == 0
    assert make_gguf.main([str(tmp_path / "own"), "--converter", "x.py"]) == 0
    assert made == [tmp_path / "built", tmp_path / "own"]
    assert capsys.readouterr().out.split() == [f"{each}-gguf" for each in made]
