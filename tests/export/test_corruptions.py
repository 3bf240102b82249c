"""A damaged model file is a typed error or gives the same answer, never silently another one."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from smolvlm_tools import ModelError, SmolVLM
from smolvlm_tools.checkpoint.files import list_files
from smolvlm_tools.checkpoint.manifest import MANIFEST
from tests.support.corruptions import corrupt
from tests.support.hub_server import HubRepository, hub_of
from tests.support.snapshots import snapshot

ID = "someone/tiny"
PICTURE = Path("examples/images/shapes.png")


def ask(model: str | Path, backend: str, **options: bool) -> str:
    with SmolVLM.load(model, backend=backend, **options) as vlm:
        return vlm.ask(PICTURE, "Hm?", max_new_tokens=6, resolution=1).text


def outcomes(
    damage: Callable[[int], str], answer: Callable[[], str], repair: Callable[[], None], count: int
) -> dict[str, int]:
    """How many of `count` kinds of damage ended how; fails at the first silently wrong answer."""
    truth = answer()
    found = {"typed error": 0, "same answer": 0}
    for seed in range(count):
        said = damage(seed)
        try:
            assert answer() == truth, f"seed {seed}: {said} gives another answer"
        except ModelError:
            found["typed error"] += 1
        else:
            found["same answer"] += 1
        repair()
    print(found)
    return found


@pytest.mark.parametrize("count", [12, pytest.param(100, marks=pytest.mark.slow)])
def test_of_an_export(tiny_onnx: Path, tmp_path: Path, count: int) -> None:
    folder = tmp_path / "export"
    names = sorted(list_files(tiny_onnx))

    def repair() -> None:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(tiny_onnx, folder)

    repair()
    assert MANIFEST in names
    found = outcomes(
        lambda seed: corrupt(folder, names, seed), lambda: ask(folder, "onnx"), repair, count
    )
    assert found["typed error"] >= count // 2


@pytest.mark.parametrize("count", [12, pytest.param(100, marks=pytest.mark.slow)])
def test_of_a_download(
    tiny_a: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    """Offline: what the cache's names and the record say."""
    cache, good = tmp_path / "cache", tmp_path / "good"
    with hub_of(monkeypatch, cache, HubRepository(ID, snapshot(tiny_a))):
        ask(ID, "torch")
        (snapshots,) = cache.glob("models--*/snapshots/*")
        names = sorted(list_files(snapshots))
        shutil.copytree(cache, good, symlinks=True)

        def repair() -> None:
            shutil.rmtree(cache)
            shutil.copytree(good, cache, symlinks=True)

        found = outcomes(
            lambda seed: corrupt(snapshots, names, seed),
            lambda: ask(ID, "torch", local_files_only=True),
            repair,
            count,
        )
    assert found["typed error"] >= count // 2
