"""A run with workers, without Ray: they are objects of this process and finish in any order."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest

from smolvlm_tools import BackendUnavailable, BadOptions, SharedEngine, SmolVLM, StoreFull
from smolvlm_tools.ingest import Ledger, Reading, Wish, ingest
from smolvlm_tools.ingest.keeping import Keeper
from smolvlm_tools.ingest.known import Known
from smolvlm_tools.ingest.on_ray import worker as worker_module
from smolvlm_tools.ingest.on_ray.desk import Desk
from smolvlm_tools.ingest.on_ray.driver import Driver
from smolvlm_tools.ingest.on_ray.worker import PageWorker, Plan
from smolvlm_tools.ingest.places import open_places
from smolvlm_tools.ingest.sources import find_sources
from smolvlm_tools.ingest.units import Keys
from tests.support.records import by_id, draw_troubles

WISH = Wish(tasks=("caption",), questions={"colour": "What color is the circle?"})


class NearDesk(Desk):
    """A desk that is asked without Ray; see `DeskLedger`."""

    def __init__(self, desk):
        super().__init__(desk)
        self.setdefault = self.first

    def get(self, key):
        return self._ledger.get(key)

    def find(self, keys, *, failed=True):
        return super().find(list(keys), failed)

    def put(self, key, body, *, failed=False):
        super().put(key, body, failed)


@dataclass
class Workers:
    """Workers of this process, each batch with the next of them; batches finish backwards.

    Attributes:
        dying: how many attempts at the first batch end before it is reported.
    """

    plan: Plan
    ledger: str
    size: int = 2
    dying: int = 0
    names: list[list[str]] = field(default_factory=list)

    def __call__(self, names):
        desk = NearDesk(self.ledger)
        workers = [PageWorker(self.plan, desk), PageWorker(self.plan, desk)]
        items = list(names.items())
        batches = [items[at : at + self.size] for at in range(0, len(items), self.size)]
        for turn, batch in enumerate(reversed(batches)):
            rows = {"batch": [json.dumps(batch)]}
            self.names.append([name for _, name in batch])
            while not turn and self.dying:
                self.dying -= 1
                workers[0](rows)
            yield from workers[turn % 2](rows)["report"]


@pytest.fixture(autouse=True)
def _near_desk(monkeypatch):
    monkeypatch.setattr(worker_module, "DeskLedger", lambda desk: desk)


@pytest.fixture(scope="module")
def engine():
    """Keeps the engine, which the workers share."""
    shared = SharedEngine("embedded")
    shared.get()
    yield shared
    shared.release()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return draw_troubles(tmp_path_factory.mktemp("images"))


@pytest.fixture(scope="module")
def local(engine, folder, tmp_path_factory):
    """The records of a run on one machine."""
    out = tmp_path_factory.mktemp("local") / "records.jsonl"
    ingest([folder, *LOST], out, model="embedded", wish=WISH)
    return by_id(out)


LOST = ("/nowhere/*.png", "/nowhere/lost.png")


@pytest.fixture
def run(engine, folder, tmp_path):
    """Runs the driver; gives its summary and its workers."""

    def go(paths=None, wish=WISH, retry_errors=False, identity=None, told=None, **more):
        keys = Keys(wish, identity or engine.identity(), Reading().opening)
        plan = Plan("embedded", {}, keys, Reading(), retry_errors, 1, None)
        with ExitStack() as stack:
            output, ledger = open_places(stack, tmp_path / "records.jsonl", None)
            workers = Workers(plan, ledger.path, **more)
            known = Known(keys, ledger, retry_errors)
            keeper = Keeper(None, output, retry_errors, told or (lambda summary: None))
            driver = Driver(workers, known, keeper)
            return driver.run(find_sources(paths or [folder, *LOST])), workers

    return go


def test_records_are_those_of_one_machine(run, local, tmp_path):
    summary, workers = run()
    assert by_id(tmp_path / "records.jsonl") == local
    assert (summary.files, summary.errors, summary.duplicates) == (13, 4, 2)
    assert (summary.known, summary.blank) == (0, 1)
    # What is not there at all needs no worker.
    assert sum(map(len, workers.names)) == 12


def test_duplicates_are_told_by_the_order_of_the_files_not_of_the_work(run, tmp_path):
    run()
    first = {r["source"].rpartition("/")[2]: r for r in by_id(tmp_path / "records.jsonl").values()}
    assert first["0001b.png"]["duplicate_of"] is None
    assert first["0004.png"]["duplicate_of"].endswith("/0001b.png")
    assert first["0009.png"]["duplicate_of"].endswith("/0002.png")


def test_equal_contents_are_looked_at_once(run, monkeypatch):
    looked = []
    ask_many = SmolVLM.ask_many

    def counting(self, image, *args, **more):
        looked.append(image.data)
        return ask_many(self, image, *args, **more)

    monkeypatch.setattr(SmolVLM, "ask_many", counting)
    run(size=100)
    assert len(looked) == len(set(looked)) == 8  # five images, three pages


@pytest.mark.parametrize("first", ["ray", "local"])
def test_either_goes_on_where_the_other_was_ended(first, run, folder, local, tmp_path):
    class Ended(Exception):
        pass

    def end(summary):
        if summary.pages == 4:
            raise Ended

    out = tmp_path / "records.jsonl"

    def local_run(told=None):
        return ingest([folder, *LOST], out, model="embedded", wish=WISH, on_progress=told)

    begin, go_on = (run, local_run) if first == "ray" else (local_run, lambda: run()[0])
    with pytest.raises(Ended):
        begin(told=end)
    summary = go_on()
    assert summary.known >= 3
    assert 0 < summary.written < len(local)
    assert by_id(out) == local
    assert run()[0].written == local_run().written == 0


def test_what_is_done_is_asked_of_no_worker_again(run, folder):
    run([folder])
    _, workers = run([folder])
    assert workers.names == [[str(folder / "empty.png")]]  # cannot be read: who knows how it is now


def test_files_that_have_changed_are_done_again(run, folder, tmp_path):
    mine = draw_troubles(tmp_path / "mine")
    run([mine])
    (mine / "0000.png").write_bytes((mine / "0003.png").read_bytes() + b"\0")
    summary, workers = run([mine])
    assert workers.names == [[str(mine / "0000.png"), str(mine / "empty.png")]]
    assert (summary.written, summary.dropped) == (1, 1)
    sources = [record["source"] for record in by_id(tmp_path / "records.jsonl").values()]
    assert sources.count(str(mine / "0000.png")) == 1


def test_errors_are_tried_again_when_that_is_wanted(run, folder):
    run([folder])
    _, workers = run([folder], retry_errors=True)
    names = {name.rpartition("/")[2] for batch in workers.names for name in batch}
    assert names == {"broken.png", "empty.png"}


def test_a_batch_whose_worker_died_is_done_again_without_a_trace(run, local, tmp_path):
    run(dying=1)
    assert by_id(tmp_path / "records.jsonl") == local


def test_a_batch_that_ends_every_worker_ends_the_run(run, folder):
    with pytest.raises(BackendUnavailable, match=r"ended 2 times .*scan\.tif"):
        run([folder], dying=2)


def test_an_engine_that_would_answer_differently_is_refused(run, engine):
    other = engine.identity().model_copy(update={"precision": "other"})
    with pytest.raises(BackendUnavailable, match=r"elsewhere it is .*other"):
        run(identity=other)


def test_a_full_disk_under_the_ledger_ends_the_run_with_its_name(run, local, monkeypatch, tmp_path):
    put = Ledger.put

    def full(self, key, body, **more):
        if "caption" in body:
            raise StoreFull("no room", "Make some.")
        put(self, key, body, **more)

    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "put", full)
        with pytest.raises(StoreFull, match="no room"):
            run()
    run()
    assert by_id(tmp_path / "records.jsonl") == local


def test_files_that_only_this_machine_sees_are_an_error_not_records(run, folder, monkeypatch):
    monkeypatch.setattr(worker_module, "source_at", lambda name, options: _elsewhere(name))
    with pytest.raises(BadOptions, match=r"is here, but not where a worker"):
        run([folder])


def _elsewhere(name):
    (source,) = find_sources([f"/elsewhere{name}"])
    return source
