"""Files that others test with: a typed error or a result for every one of them."""

from __future__ import annotations

import pytest

from tests.support.documents import pdf_only
from tests.support.hostile.corpora import (
    drawn_documents,
    pillow_images,
    pypdf_documents,
    real_documents,
)
from tests.support.hostile.trial import Bounds
from tests.support.paths import REAL

LIMITS = Bounds(seconds=40)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_pillows_test_images_are_read_or_refused(attacked):
    cases = list(pillow_images())
    assert len(cases) >= 1_000
    outcomes = attacked("python-decode", cases, LIMITS)
    print(f"{sum(each.code == 'works' for each in outcomes)} of {len(outcomes)} are read")


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_share_of_them_is_looked_at_by_the_model(attacked):
    attacked("python", list(pillow_images())[::10], LIMITS)


@pdf_only
@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_hundred_real_documents_are_read_or_refused(attacked):
    cases = [*pypdf_documents(), *real_documents(REAL), *drawn_documents(30)]
    assert len(cases) >= 100
    outcomes = attacked("python", cases, LIMITS)
    print(f"{sum(each.code == 'works' for each in outcomes)} of {len(outcomes)} are read")


@pdf_only
@pytest.mark.timeout(600)
def test_a_share_of_the_documents_at_hand_is_read(attacked):
    attacked("python", [*list(real_documents(REAL))[::8], *drawn_documents(2)], LIMITS)
