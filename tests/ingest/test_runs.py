"""Runs one after the other: what is done is not done again, and the records tell what is there."""

from __future__ import annotations

import os
import threading

import pytest

from smolvlm_tools import ImagePolicy, errors
from smolvlm_tools.ingest import Reading, Wish, ingest
from tests.support.documents import encrypted, pdf_only, tiff
from tests.support.ingesting import CAPTIONS, SMALL
from tests.support.mixed_corpus import book, build_corpus, drawing, encoded, scans
from tests.support.records import by_id, read_lines

pytestmark = pdf_only


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "scans"
    folder.mkdir()
    for number in range(4):
        (folder / f"{number}.png").write_bytes(encoded(drawing(number)))
    return folder


@pytest.fixture
def out(tmp_path):
    return tmp_path / "records.jsonl"


@pytest.fixture
def run(vlm, folder, out):
    """Ingest the folder; the summary, and how often the model was asked."""

    def call(paths=None, place=out, **options):
        vlm.asked.clear()
        keywords = {"wish": CAPTIONS, "reading": SMALL, "engine": vlm, **options}
        summary = ingest(paths or folder, place, **keywords)
        return summary, len(vlm.asked)

    return call


def test_a_second_run_does_and_writes_nothing(run, out):
    first, asked = run()
    assert (first.pages, first.written, first.known, asked) == (4, 4, 0, 4)
    before = out.read_bytes()
    second, asked = run()
    assert (second.pages, second.records, second.written, second.known, asked) == (4, 4, 0, 4, 0)
    assert out.read_bytes() == before


def test_only_changed_files_are_done_again(run, folder, out):
    run()
    (folder / "1.png").write_bytes(encoded(drawing(77)))
    (folder / "2.png").touch()
    summary, asked = run()
    assert (summary.written, summary.dropped, asked) == (1, 1, 1)
    assert {each["source"] for each in read_lines(out)} == {
        f"{folder}/{number}.png" for number in range(4)
    }


def test_records_have_the_same_ids_in_every_run(run, out, tmp_path):
    run()
    (tmp_path / "other").mkdir()
    run(place=tmp_path / "other" / "records.jsonl")
    assert by_id(out) == by_id(tmp_path / "other" / "records.jsonl")


def test_another_wish_is_another_record_in_place_of_the_old_one(run, out):
    run()
    summary, asked = run(wish=Wish(tasks=("caption",), detail="brief"))
    assert (summary.written, summary.dropped, asked) == (4, 4, 4)
    assert len(by_id(out)) == 4
    summary, asked = run()
    assert (summary.written, summary.dropped, asked) == (4, 4, 0), "the ledger still has it"


def test_a_lost_output_is_written_from_the_ledger(run, out):
    run()
    before = by_id(out)
    out.unlink()
    summary, asked = run()
    assert (summary.written, asked) == (4, 0)
    assert by_id(out) == before


def test_a_lost_ledger_writes_nothing_twice(run, out):
    run()
    before = by_id(out)
    for path in out.parent.glob("*.ledger*"):
        path.unlink()
    summary, asked = run()
    assert (summary.written, asked) == (0, 4)
    assert by_id(out) == before


def test_duplicates_cost_no_model_time_and_say_whose_they_are(run, folder, out):
    (folder / "3 again.png").write_bytes((folder / "3.png").read_bytes())
    (folder / "book.tif").write_bytes(scans([5, 6]))
    (folder / "book2.tif").write_bytes(scans([5, 6]))
    summary, asked = run()
    assert (summary.pages, summary.duplicates, asked) == (9, 3, 6)
    found = {(each["source"], each["page"]): each for each in read_lines(out)}
    first, again = found[f"{folder}/3 again.png", 1], found[f"{folder}/3.png", 1]
    assert (first["duplicate_of"], again["duplicate_of"]) == (None, first["source"])
    assert first["text"] == again["text"] and first["id"] != again["id"]
    assert found[f"{folder}/book2.tif", 2]["duplicate_of"] == f"{folder}/book.tif"


def test_who_was_first_follows_the_order_of_the_sources(run, folder, out):
    run()
    (folder / "0 earlier.png").write_bytes((folder / "3.png").read_bytes())
    summary, asked = run()
    assert (summary.duplicates, asked) == (1, 0)
    found = {each["source"]: each["duplicate_of"] for each in by_id(out).values()}
    assert found[f"{folder}/0 earlier.png"] is None
    assert found[f"{folder}/3.png"] == f"{folder}/0 earlier.png"


def test_failures_are_records_and_are_tried_again_when_asked_to(run, vlm, folder, out):
    (folder / "bad.png").write_bytes(b"no image")

    def fail(image):
        if "2.png" in str(image.ref):
            raise errors.OutOfMemoryBudget("too large")

    vlm.before = fail
    summary, asked = run()
    assert (summary.errors, asked) == (2, 4)
    codes = {each["source"][-7:]: each["error"] for each in read_lines(out) if each["error"]}
    assert codes["bad.png"]["code"] == "unsupported_format"
    assert codes["s/2.png"]["code"] == "out_of_memory_budget"
    vlm.before = lambda image: None
    again, asked = run()
    assert (again.errors, again.written, asked) == (2, 0, 0)
    retried, asked = run(retry_errors=True)
    assert (retried.errors, asked) == (1, 1)
    found = by_id(out)
    assert len(found) == 5 and sum(bool(each["error"]) for each in found.values()) == 1


def test_what_another_run_has_mended_is_mended_here_too(run, vlm, folder, out, tmp_path):
    ledger = tmp_path / "shared.ledger"

    def fail(image):
        raise errors.OutOfMemoryBudget("too large")

    vlm.before = fail
    assert run(ledger=ledger)[0].errors == 4
    vlm.before = lambda image: None
    other, asked = run(place=tmp_path / "other.jsonl", ledger=ledger, retry_errors=True)
    assert (other.errors, asked) == (0, 4)
    summary, asked = run(ledger=ledger)
    assert (summary.errors, summary.written, asked) == (0, 4, 0)
    assert by_id(out) == by_id(tmp_path / "other.jsonl")


def test_a_file_that_comes_back_takes_the_place_of_its_error(run, folder, out):
    missing = folder / "late.png"
    paths = [folder, missing]
    assert run(paths)[0].errors == 1
    missing.write_bytes(encoded(drawing(9)))
    summary, _ = run(paths)
    assert (summary.errors, summary.dropped, summary.written) == (0, 1, 1)
    assert len(by_id(out)) == 5


def test_passwords_open_what_was_locked_and_leave_the_rest_alone(run, folder, out):
    (folder / "locked.pdf").write_bytes(encrypted(b"secret"))
    assert run()[0].errors == 1
    for password, left in (("wrong", 1), ("secret", 0)):
        summary, asked = run(reading=Reading(longest_edge=128, workers=1, password=password))
        assert (summary.errors, asked) == (left, 0)
    [record] = [each for each in read_lines(out) if each["source"].endswith("locked.pdf")]
    assert record["flags"] == ["blank_image"]
    assert run()[0].errors == 0, "done is done"
    assert b"secret" not in b"".join(path.read_bytes() for path in out.parent.glob("records*"))


def test_a_broken_page_leaves_the_others_alone(run, folder, out):
    data = bytearray(tiff("red", "green", "blue"))
    (folder / "many.tif").write_bytes(data)
    whole = book(["", "", ""])
    (folder / "broken.pdf").write_bytes(whole.replace(b"/Type/Page/", b"/Type/Pigs/", 1))
    summary, _ = run()
    pages = [each for each in read_lines(out) if each["source"].endswith("broken.pdf")]
    assert summary.files == 6 and pages, "nothing is silent"


def test_only_one_run_writes_to_an_output(run, vlm, folder, out):
    entered, leave = threading.Event(), threading.Event()

    def wait(image):
        entered.set()
        leave.wait(30)

    vlm.before = wait
    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert entered.wait(30)
        link = out.with_name("link.jsonl")
        link.symlink_to(out)
        for place in (out, link):
            with pytest.raises(errors.Busy, match="another run"):
                ingest(folder, place, engine=vlm, wish=CAPTIONS, reading=SMALL)
    finally:
        leave.set()
        thread.join()
    assert len(by_id(out)) == 4


def test_two_runs_share_a_ledger_at_the_same_time(vlm, folder, tmp_path):
    ledger = tmp_path / "shared.ledger"
    outs = [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]

    def work(out):
        ingest(folder, out, engine=vlm, wish=CAPTIONS, reading=SMALL, ledger=ledger)

    threads = [threading.Thread(target=work, args=(out,)) for out in outs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert by_id(outs[0]) == by_id(outs[1])


def test_a_folder_and_links_as_outputs(run, tmp_path):
    run(place=tmp_path / "kept")
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "kept" / "records.jsonl")
    run(place=tmp_path / "link.jsonl", wish=Wish(tasks=("caption",), detail="brief"))
    assert (tmp_path / "link.jsonl").is_symlink()
    assert len(by_id(tmp_path / "kept" / "records.jsonl")) == 4


def test_names_that_are_no_unicode_are_kept(run, folder, out):
    for name in (b"caf\xe9.png", b"caf\xe9 bad.png"):
        with open(os.fsencode(folder) + b"/" + name, "wb") as file:
            file.write(encoded(drawing(8)) if b"bad" not in name else b"no image")
    missing = os.fsdecode(os.fsencode(folder) + b"/gone\xe9.png")
    summary, _ = run([folder, missing])
    assert (summary.errors, summary.files) == (2, 7)
    sources = {each["source"] for each in read_lines(out)}
    assert os.fsdecode(os.fsencode(folder) + b"/caf\xe9.png") in sources
    assert run([folder, missing])[0].written == 0


def test_a_bit_of_everything(run, tmp_path, out):
    expected = build_corpus(tmp_path / "all", share=10)
    summary, _ = run(tmp_path / "all", wish=Wish(tasks=("transcription",)))
    assert len(by_id(out)) == summary.records == expected
    assert summary.errors == 5 and summary.blank == 3 and summary.layer > 0
    assert summary.total_files is None


def test_the_limit_on_bytes_is_the_readings(run, folder):
    reading = Reading(policy=ImagePolicy(max_bytes=10), workers=1)
    summary, asked = run(reading=reading)
    assert (summary.errors, asked) == (4, 0)
    assert run()[0].errors == 0, "a file that was not read is tried again"
