from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from smolvlm_tools.finetune.order import Order, batches_of, share_of

LENGTHS = st.lists(st.integers(1, 900), min_size=1, max_size=80)


@given(LENGTHS, st.integers(1, 5), st.integers(1, 4), st.integers(0, 9))
def test_every_epoch_has_every_sample_once(lengths, batch, per_step, seed):
    order = Order(lengths, batch, per_step, seed)
    for epoch in range(3):
        steps = range(epoch * order.steps_per_epoch, (epoch + 1) * order.steps_per_epoch)
        seen = [each for step in steps for each in order.samples_of(step)]
        assert sorted(seen) == list(range(len(lengths)))


@given(LENGTHS, st.integers(1, 5), st.integers(1, 4), st.integers(0, 60))
def test_a_step_asked_for_alone_is_that_of_the_whole_run(lengths, batch, per_step, step):
    run = Order(lengths, batch, per_step, 3)
    for earlier in range(step):
        run.samples_of(earlier)
    assert Order(lengths, batch, per_step, 3).batches_of(step) == run.batches_of(step)


@given(LENGTHS, st.integers(1, 5), st.integers(1, 4), st.integers(1, 3), st.integers(0, 20))
def test_processes_share_a_steps_batches_and_have_as_many(lengths, batch, per_step, ranks, step):
    batches = Order(lengths, batch, per_step, 0).batches_of(step)
    shares = [share_of(batches, rank, ranks) for rank in range(ranks)]
    assert len({len(share) for share in shares}) == 1
    together = [each for share in shares for each in share if each]
    assert sorted(together) == sorted(batches)
    assert all(len(each) <= batch for each in batches)


def test_epochs_and_seeds_differ():
    lengths = [5] * 40
    one, other = Order(lengths, 4, 1, 0), Order(lengths, 4, 1, 1)
    assert one.samples_of(0) != one.samples_of(one.steps_per_epoch)
    assert one.samples_of(0) != other.samples_of(0)


def test_batches_pad_little():
    lengths = np.random.default_rng(0).integers(50, 2000, 1000).tolist()
    order = Order(lengths, 8, 1, 0)
    padded = sum(
        len(batch) * max(lengths[each] for each in batch)
        for step in range(order.steps_per_epoch)
        for batch in order.batches_of(step)
    )
    assert padded < 1.05 * sum(lengths)
    mixed = batches_of(range(1000), [0] * 1000, 8)
    blind = sum(len(batch) * max(lengths[each] for each in batch) for batch in mixed)
    assert blind > 1.5 * sum(lengths)
