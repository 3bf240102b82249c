"""A run on a Ray cluster: the same records, ledger and output as on one machine.

    run        the driver: names → windows of files → workers → order → ledger's findings → output
    cluster    the cluster, and what a worker gets of it
    worker     an actor with an engine: a batch of files → findings in the ledger, and reports
    desk       an actor beside the driver: the ledger, and who reads a content first
    reports    what a worker says of a file
    order      reports in the order of the files; duplicates

`import smolvlm_tools.ingest.on_ray` does not import ray.
"""

from __future__ import annotations

from .cluster import Cluster
from .run import ingest_on_ray

__all__ = ["Cluster", "ingest_on_ray"]
