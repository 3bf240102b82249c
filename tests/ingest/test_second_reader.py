"""Transcriptions of an ingestion that a second reader has checked."""

from __future__ import annotations

import sys

import pytest
from PIL import Image

from smolvlm_tools import errors
from smolvlm_tools.images.ocr import registry
from smolvlm_tools.ingest import PageCheck, Reading, Record, Wish, ingest, read_parquet
from tests.support.chat_servers import chat_server, says
from tests.support.documents import pdf_only
from tests.support.ingesting import SMALL
from tests.support.mixed_corpus import book, drawing, encoded, words
from tests.support.ocr import fuzz_only, ocr_only
from tests.support.ocr import words as recognised
from tests.support.paths import RECEIPT
from tests.support.records import by_id, parquet_only, read_lines

SAID = "a red circle"


class Reader:
    """Recognises the same words on every page.

    Attributes:
        sizes: of the pages that it has read, in pixels.
        error: what it raises instead.
    """

    def __init__(self, *lines: str) -> None:
        self.name, self.words = "reader 1.0", recognised(*lines)
        self.sizes: list[tuple[int, int]] = []
        self.error: errors.SmolVLMError | None = None

    def working_bytes(self, size):
        return 0

    def read(self, pixels):
        self.sizes.append(pixels.size)
        if self.error:
            raise self.error
        return self.words


@pytest.fixture
def reader(monkeypatch):
    """What reads pages a second time: it sees what the model says."""
    reader = Reader(SAID)
    monkeypatch.setitem(registry._LOADED, "ocr", reader)
    return reader


@pytest.fixture
def out(tmp_path):
    return tmp_path / "records.jsonl"


@pytest.fixture
def run(vlm, tmp_path, out):
    """Ingest a file with a check; the summary and the records."""

    def call(data=None, *, place=out, reading=SMALL, **wish):
        path = tmp_path / "page"
        path.write_bytes(data or encoded(drawing(1)))
        vlm.asked.clear()
        asked = Wish(**{"check": "ocr", "tasks": ("transcription",), **wish})
        summary = ingest(path, place, wish=asked, reading=reading, engine=vlm)
        return summary, [Record.model_validate(each) for each in read_lines(out)]

    return call


@fuzz_only
def test_a_record_has_the_words_of_both_readers_with_their_places(run, reader):
    reader.words = recognised("a red square", "below")
    _, [record] = run()
    check = record.check
    assert (check.recognizer, check.text_from) == ("reader 1.0", "model")
    assert (check.width, check.height) == (96, 64)
    assert (check.model_text, check.ocr_text) == (SAID, "a red square\nbelow")
    [line] = check.lines
    assert [word.text for word in line.words] == SAID.split()
    assert [word.agreement for word in line.words[:2]] == [1, 1]
    assert line.words[1].box == reader.words[1].box and check.words == reader.words
    assert "below" in [word.text for word in check.missing]
    assert 0 < check.agreement < 1
    assert record.confidence["transcription"] == check.confidence < check.model_confidence
    assert "missing_words" in record.flags and record.text["transcription"] == SAID


@fuzz_only
def test_lines_that_nobody_else_sees_are_named(run, reader):
    reader.words = recognised("50 % off the shoe size")
    _, [record] = run()
    assert record.check.unsupported == (SAID,) and "unsupported" in record.flags


@fuzz_only
def test_numbers_are_rounded_as_all_of_a_record_are(run, reader):
    reader.words = recognised("a red square", confidence=1 / 3)
    _, [record] = run()
    check = record.check.model_dump()
    assert check["words"][0]["confidence"] == 0.3333
    assert check["agreement"] == round(check["agreement"], 4)


@fuzz_only
@pdf_only
def test_boxes_are_in_pixels_of_the_rendered_page(run, reader):
    _, [record] = run(book([""]))
    assert (record.check.width, record.check.height) in reader.sizes
    assert max(record.check.width, record.check.height) == SMALL.longest_edge


@fuzz_only
@pdf_only
@pytest.mark.parametrize("text", ["auto", "model", "both"])
def test_only_what_the_model_transcribes_is_checked(run, reader, text):
    _, [record] = run(book([words(1)]), text=text)
    assert (record.check is None) == (text == "auto")
    assert bool(reader.sizes) == (text != "auto")
    assert record.text_source == {"auto": "layer", "model": "model", "both": "both"}[text]


@fuzz_only
def test_blank_pages_are_read_by_nobody(run, reader):
    _, [record] = run(encoded(Image.new("RGB", (50, 50), "white")))
    assert record.check is None and record.flags == ("blank_image",) and reader.sizes == []


@fuzz_only
@pytest.mark.parametrize(
    ("source", "origin"), [("model", "model"), ("ocr", "ocr"), ("best", "ocr")]
)
def test_the_text_is_of_whom_it_was_asked(run, reader, source, origin):
    reader.words = recognised("the old house by the river")
    summary, [record] = run(source=source)
    said = SAID if source == "model" else "the old house by the river"
    assert (record.text["transcription"], record.text_source) == (said, origin)
    assert (record.check.text_from, record.check.model_text) == (source, SAID)
    assert summary.layer == 0 and summary.model == 1


@fuzz_only
def test_a_caption_of_the_model_beside_recognised_text_is_of_both(run, reader):
    reader.words = recognised("the old house by the river")
    summary, [record] = run(source="ocr", tasks=("transcription", "caption"))
    assert record.text == {"caption": SAID, "transcription": "the old house by the river"}
    assert record.text_source == "both" and summary.layer == 0


@fuzz_only
@pytest.mark.parametrize("source", ["model", "ocr", "best"])
def test_a_page_below_min_agreement_is_written_without_its_transcription(run, reader, source):
    reader.words = recognised("a red square")
    wish = {"tasks": ("transcription", "caption"), "source": source}
    _, [kept] = run(min_agreement=0.5, **wish)
    assert kept.text["transcription"] and "low_agreement" not in kept.flags
    summary, [record] = run(min_agreement=0.9, **wish)
    assert record.text == {"caption": SAID, "transcription": ""} and record.error is None
    assert "low_agreement" in record.flags
    assert (record.check.model_text, record.check.ocr_text) == (SAID, "a red square")
    assert (summary.written, summary.held_back, summary.errors) == (1, 1, 0)
    assert record.id != kept.id


@fuzz_only
def test_another_check_is_another_run(run, vlm, reader):
    wishes = [{}, {"source": "best"}, {"min_agreement": 0.5}, {"min_agreement": 0.6}]
    for wish in (*wishes, {"check": None}):
        run(**wish)
        assert len(vlm.asked) == 1, wish
    for wish in (*wishes, {"check": None}):
        summary, _ = run(**wish)
        assert summary.known == 1 and vlm.asked == [], wish
    reader.name = "reader 1.1"
    run()
    assert len(vlm.asked) == 1, "another release may read other words"


@fuzz_only
@pytest.mark.parametrize(
    "error", [errors.ModelInvalid("it broke"), errors.CorruptImage("it is broken")]
)
def test_a_page_that_cannot_be_read_again_is_an_error_record(run, vlm, reader, error):
    reader.error = error
    summary, [record] = run()
    assert record.error.code == error.code and record.check is None and vlm.asked == []
    assert summary.errors == 1


@fuzz_only
def test_videos_are_refused_before_anything_is_read(run, out, reader):
    with pytest.raises(errors.BadOptions, match="`window='30s'` is for videos"):
        run(reading=Reading(window="30s"))
    assert not out.exists()


def test_without_the_extra_the_run_does_not_begin(run, out, reader, monkeypatch):
    monkeypatch.setitem(sys.modules, "rapidfuzz.distance", None)
    with pytest.raises(errors.BackendUnavailable, match=r"smolvlm-tools\[ocr\]"):
        run()
    assert not out.exists()


@fuzz_only
@parquet_only
def test_parquet_has_a_column_of_structs_for_it(run, out, reader, tmp_path):
    import pyarrow.parquet as pq

    reader.words = recognised("a red square", "below")
    run()
    place = tmp_path / "records.parquet"
    run(place=place)
    assert by_id(place) == by_id(out)
    [record] = read_parquet(place)
    assert isinstance(record.check, PageCheck) and record.check.words == reader.words
    column = pq.read_table(place).column("check").combine_chunks()
    assert {field.name for field in column.type} == set(PageCheck.model_fields)
    assert column.field("agreement")[0].as_py() == record.check.agreement
    run(place=place, check=None)
    [record] = read_parquet(place)
    assert record.check is None


@fuzz_only
@pytest.mark.parametrize("logprobs", [True, False])
def test_what_a_model_on_a_server_says_is_checked_here(reader, out, tmp_path, logprobs):
    path = tmp_path / "page.png"
    path.write_bytes(encoded(drawing(1)))
    wish = Wish(tasks=("transcription",), check="ocr")
    with chat_server(says("a red", " circle", logprobs=logprobs)) as server:
        with server.engine() as engine:
            ingest(path, out, wish=wish, reading=SMALL, engine=engine)
    [record] = map(Record.model_validate, read_lines(out))
    assert record.check.agreement == 1 and record.text["transcription"] == SAID
    assert record.check.model_confidence == (0.5 if logprobs else 0)
    assert ("no_logprobs" in record.flags) == (not logprobs)


@ocr_only
def test_print_is_read_by_the_real_recogniser(tmp_path):
    out = tmp_path / "records.jsonl"
    wish = Wish(tasks=("transcription",), check="ocr", source="best", min_agreement=0.9)
    ingest(RECEIPT, out, model="embedded", wish=wish)
    [line] = read_lines(out)
    record = Record.model_validate(line)
    width, height = Image.open(RECEIPT).size
    assert (record.check.width, record.check.height) == (width, height)
    assert record.check.recognizer.startswith("rapidocr 3.")
    assert record.check.agreement == 1 and record.flags == ()
    assert record.check.ocr_text == record.text["transcription"]
    boxes = [word.box for line in record.check.lines for word in line.words]
    assert len(boxes) == 9
    assert all(0 <= box.left < box.right <= width and 0 <= box.top < box.bottom for box in boxes)
    again = ingest(RECEIPT, out, model="embedded", wish=wish)
    assert (again.known, again.written) == (1, 0)
