"""The nine benchmarks in the forms in which they are published, and how they are fetched."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from smolvlm_tools.errors import BadOptions, FetchFailed
from smolvlm_tools.images import load_image
from smolvlm_tools.quality.evaluate import BENCHMARKS, DataWish, fetching, open_data
from smolvlm_tools.types import ImagePart, TextPart
from tests.support.benchmark_files import (
    HUB_ROWS,
    TABLES,
    Tables,
    parquet_of,
    serving,
    table,
    text_of,
    write_table,
)
from tests.support.hub_server import HubRepository, hub_of

RIGHT = {
    **{"docvqa": "1998", "textvqa": "Nokia.", "chartqa": "14.5", "ocrbench": "it says centre"},
    **{"ai2d": "B", "scienceqa": "(B)", "mmstar": "dog", "mmmu": "B", "mathvista": "B"},
}
"""A reply to the first sample that is right."""


def first(data):
    return next(iter(data.source.read([0])))


def sizes(sample):
    return [load_image(image).size for image in sample.images]


def texts(message):
    parts = ("<image>" if isinstance(p, ImagePart) else p.text for p in message.content)
    return "".join(parts)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(fetching, "folder", lambda: tmp_path / "cache")
    return tmp_path / "cache"


@pytest.mark.parametrize("task", BENCHMARKS)
def test_a_table_of_vlmevalkit_becomes_samples(task, tmp_path):
    data = open_data(DataWish(task, data=str(write_table(tmp_path, task))))
    counted = {"scienceqa": (1, 1), "mmmu": (2, 1)}.get(task, (len(TABLES[task]), 0))
    assert (len(data.source), data.source.left_out) == counted
    sample = first(data)
    assert data.task.score(RIGHT[task], sample) == 1
    assert data.task.score("quite another thing", sample) == 0
    assert sizes(sample) and all(min(size) >= 16 for size in sizes(sample))
    assert data.task.prompt(sample)[0].role == "user"


@pytest.mark.parametrize("task", BENCHMARKS)
def test_the_hubs_parquet_form_becomes_the_same_samples(task, tmp_path):
    pytest.importorskip("pyarrow")
    path = tmp_path / "data.parquet"
    path.write_bytes(parquet_of(task))
    data = open_data(DataWish(task, data=str(path)))
    without = {"scienceqa": 1}.get(task, 0)
    assert (len(data.source), data.source.left_out) == (len(HUB_ROWS[task]) - without, without)
    sample = first(data)
    assert data.task.score(RIGHT[task], sample) == 1
    assert data.task.score("quite another thing", sample) == 0
    table_data = open_data(DataWish(task, data=str(write_table(tmp_path, task))))
    published = first(table_data)
    assert sizes(sample) == sizes(published)
    assert sample.answers == published.answers and sample.kind == published.kind
    assert sample.question.split() == published.question.split()


def test_a_short_image_is_the_index_of_the_row_that_has_it(tmp_path):
    data = open_data(DataWish("docvqa", data=str(write_table(tmp_path, "docvqa"))))
    one, two = data.source.read([0, 1])
    assert one.images == two.images and (one.id, two.id) == ("7", "8")
    assert one.question == "Which\nyear?" and one.answers == ("1998", "'98")
    assert next(iter(data.source.read([1]))) == two, "a row is read from its place"


def test_an_open_question_of_mmmu_counts_as_a_choice_of_its_answer(tmp_path):
    data = open_data(DataWish("mmmu", data=str(write_table(tmp_path, "mmmu"))))
    _, open_question = data.source.read([0, 1])
    assert open_question.options == {}
    assert data.task.score("It is 12.", open_question) == 1
    assert data.task.score("13", open_question) == 0


@pytest.mark.parametrize(
    ("task", "wanted"),
    [
        (
            "docvqa",
            "<image>Give a short and terse answer to the following question. Do not paraphrase or "
            "reformat the text you see in the image. Do not include any full stops. Just give the "
            "answer without additional explanation. Question: Which\nyear?\nAnswer the question "
            "using a single word or phrase.",
        ),
        ("ocrbench", "<image>what is written in the image?\nGive a very brief answer."),
        (
            "mmstar",
            "<image>Question: What is it?\nChoices:\nA. cat\nB. dog\nC. cow\nAnswer with the "
            "letter.",
        ),
        (
            "scienceqa",
            "<image>Hint: Look.\nQuestion: What is it?\nChoices:\nA. cat\nB. dog\nC. cow\nAnswer "
            "with the letter.",
        ),
        (
            "mmmu",
            "Question: <image 1>:<image>\n<image 2>:<image>\nCompare <image 1> and <image 2> "
            ".\nChoices:\nA. same\nB. other\nAnswer with the letter.",
        ),
        (
            "mathvista",
            "<image>Please answer the question and provide the correct option letter, e.g., A, B, "
            "C, D, at the end.\nQuestion: Which?\nChoices:\nA. 2\nB. 3",
        ),
    ],
)
def test_the_words_are_those_of_vlmevalkit(task, wanted, tmp_path):
    data = open_data(DataWish(task, data=str(write_table(tmp_path, task))))
    (message,) = data.task.prompt(first(data))
    assert isinstance(message.content[-1], TextPart)
    assert texts(message) == wanted


# Fetching


@pytest.fixture
def published(tmp_path, monkeypatch, cache):
    """A table on a server, under the MD5 by which it is known."""
    content = write_table(tmp_path, "ocrbench").read_bytes()
    known = replace(BENCHMARKS["ocrbench"], md5=hashlib.md5(content).hexdigest())
    monkeypatch.setitem(BENCHMARKS, "ocrbench", known)
    tables = Tables({"OCRBench.tsv": content})
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with serving(tables) as address:
        monkeypatch.setenv("SMOLVLM_TABLES", address)
        yield tables


def test_a_table_is_fetched_once_and_checked_each_time(published, cache):
    assert len(open_data(DataWish("ocrbench")).source) == 1
    assert len(open_data(DataWish("ocrbench", offline=True)).source) == 1
    assert published.ranges == [""]
    (cache / "OCRBench.tsv").write_bytes(b"damaged")
    assert len(open_data(DataWish("ocrbench")).source) == 1
    assert published.ranges == ["", ""]


def test_a_download_that_broke_off_goes_on(published):
    published.cut = 100
    with pytest.raises(FetchFailed, match="cannot be fetched"):
        open_data(DataWish("ocrbench"))
    published.cut = None
    assert len(open_data(DataWish("ocrbench")).source) == 1
    assert published.ranges == ["", "bytes=100-"]


def test_another_table_than_the_published_one_is_refused_and_removed(published, cache):
    published.files["OCRBench.tsv"] += b"\n"
    with pytest.raises(FetchFailed, match="MD5"):
        open_data(DataWish("ocrbench"))
    assert list(cache.iterdir()) == []


def test_a_table_that_is_not_there_says_what_to_do(published, cache):
    with pytest.raises(FetchFailed, match="404"):
        published.files.clear()
        open_data(DataWish("ocrbench"))
    with pytest.raises(FetchFailed, match="switched off"):
        open_data(DataWish("ocrbench", offline=True))


@pytest.fixture
def data_set(tmp_path, monkeypatch):
    pytest.importorskip("pyarrow")
    repository = HubRepository(
        "lmms-lab/DocVQA",
        {
            "DocVQA/validation-00000-of-00001.parquet": parquet_of("docvqa"),
            "DocVQA/test-00000-of-00001.parquet": b"another split",
            "DocVQA.py": b"raise SystemExit('a script of a data set must never run')",
        },
    )
    with hub_of(monkeypatch, tmp_path / "hub", repository) as server:
        yield repository, server


def test_the_hubs_files_of_the_split_are_fetched_and_nothing_else(data_set):
    _, server = data_set
    data = open_data(DataWish("docvqa", data="hub"))
    assert len(data.source) == 1 and data.title == "lmms-lab/DocVQA of the hub"
    assert server.downloads == ["DocVQA/validation-00000-of-00001.parquet"]
    assert len(open_data(DataWish("docvqa", data="hub", offline=True)).source) == 1


def test_a_file_of_the_hub_that_is_not_the_listed_one_is_refused(data_set):
    repository, _ = data_set
    name = "DocVQA/validation-00000-of-00001.parquet"
    repository.served[name] = repository.files[name][:-1] + b"!"
    with pytest.raises(FetchFailed, match="SHA-"):
        open_data(DataWish("docvqa", data="hub"))


def test_a_cached_file_that_was_damaged_is_refused_offline_too(data_set, tmp_path):
    open_data(DataWish("docvqa", data="hub"))
    (path,) = (tmp_path / "hub").glob("datasets--*/snapshots/*/DocVQA/*.parquet")
    content = bytearray(path.read_bytes())
    content[50] ^= 1
    path.resolve().write_bytes(content)
    with pytest.raises(FetchFailed, match="SHA-"):
        open_data(DataWish("docvqa", data="hub", offline=True))


def test_a_data_set_that_the_hub_does_not_have_is_one_error(data_set):
    _, server = data_set
    server.repositories.clear()
    with pytest.raises(FetchFailed, match="no data set lmms-lab/DocVQA"):
        open_data(DataWish("docvqa", data="hub"))


def test_a_part_of_the_files_is_not_taken_for_all(tmp_path):
    pytest.importorskip("pyarrow")
    (tmp_path / "validation-00001-of-00003.parquet").write_bytes(parquet_of("docvqa"))
    with pytest.raises(FetchFailed, match="1 of 3 files"):
        open_data(DataWish("docvqa", data=str(tmp_path)))


# Damaged and foreign files


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"index\tquestion\n1\tWhat?\n", "no column image"),
        (b"index\tquestion\timage\n1\tWhat?\n", "2 cells instead of 3"),
        (b"index\tquestion\timage\n1\t\xff\xfe\tx\n", "damaged"),
        (b"index\tquestion\timage\n1\tWhat?\t\n", "no rows with images"),
        (b"", "no column"),
        (table([{"index": "1", "question": "?", "image": "9", "answer": "a"}]), "row '9'"),
        (
            table([{"index": "1", "question": "?", "image": text_of(b"x" * 90), "answer": ""}]),
            "row 1 has no answer",
        ),
    ],
)
def test_a_table_that_is_none_is_refused_with_what_is_wrong(content, said, tmp_path):
    path = tmp_path / "a.tsv"
    path.write_bytes(content)
    with pytest.raises(BadOptions, match=said):
        list(open_data(DataWish("docvqa", data=str(path))).source.read([0]))


def test_lists_in_cells_are_read_and_never_run(tmp_path):
    row = {"index": "1", "question": "?", "answer": "[__import__('os').getcwd()]"}
    path = tmp_path / "a.tsv"
    path.write_bytes(table([{**row, "image": text_of(b"x" * 90)}]))
    sample = first(open_data(DataWish("docvqa", data=str(path))))
    assert sample.answers == ("[__import__('os').getcwd()]",)
