"""Which samples are held apart: by their images, so that none is on both sides."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence


def held_out(images: Sequence[Sequence[bytes]], share: float) -> tuple[list[int], list[int]]:
    """The places of samples to learn from and to hold apart, each in order.

    Samples that share an image, also by way of others, stay together. These groups are held apart
    in the order of a hash of their images until the share is reached, so the same data in another
    order, or under other file names, is divided in the same way.

    Args:
        images: digests of the images of each sample, at least one.
        share: 0 to less than 1. Where it is more than 0 and there are two groups, each side gets
            at least one.
    """
    groups = _groups(images)
    wanted = round(share * len(images))
    if share:
        wanted = max(1, wanted)
    apart: set[int] = set()
    for members in groups[:-1]:  # one is always learned from
        if len(apart) >= wanted:
            break
        if not apart or len(apart) + len(members) <= wanted + len(members) // 2:
            apart.update(members)
    return [at for at in range(len(images)) if at not in apart], sorted(apart)


def _groups(images: Sequence[Sequence[bytes]]) -> list[list[int]]:
    """Places of samples that share images, in the order of a hash of their least image."""
    parent: dict[bytes, bytes] = {}

    def root(image: bytes) -> bytes:
        parent.setdefault(image, image)
        while parent[image] != image:
            parent[image] = parent[parent[image]]
            image = parent[image]
        return image

    for several in images:
        first = root(several[0])
        for image in several[1:]:
            other = root(image)
            first, other = min(first, other), max(first, other)
            parent[other] = first
    members: dict[bytes, list[int]] = {}
    for at, several in enumerate(images):
        members.setdefault(root(several[0]), []).append(at)
    return [members[image] for image in sorted(members, key=_order)]


def _order(image: bytes) -> bytes:
    return hashlib.sha256(b"held out" + image).digest()
