"""`open_checkpoint`: tells aliases, folders and hub ids apart."""

from __future__ import annotations

import difflib
import logging
import os
from pathlib import Path

from ..errors import BadOptions, ModelNotFound
from .aliases import ALIASES, EMBEDDED, EMBEDDED_FOLDER, EMBEDDED_ID, HUB_ID
from .checkpoint import Checkpoint

logger = logging.getLogger(__name__)


def open_checkpoint(
    name: str | os.PathLike[str], *, revision: str | None = None, local_files_only: bool = False
) -> Checkpoint:
    """Open a checkpoint by alias, folder or hub id, in this order.

    From the hub, only the configuration and tokenizer are fetched; `Checkpoint.fetch` gets the
    weights. `HF_HOME`, `HF_HUB_CACHE`, `HF_ENDPOINT` and `HF_HUB_OFFLINE` are respected.

    Args:
        name: one of `ALIASES`, a folder in the hub's layout, or "owner/name".
        revision: branch, tag or commit on the hub; "main" when None.
        local_files_only: use only what is cached, never the network.

    Raises:
        ModelNotFound: nothing has that name, or it is not cached while offline; the remedy says
            how to get it.
        ModelInvalid: its files are damaged.
        ModelError: the hub failed.
        BadOptions: a revision was given for something that has none.
    """
    hub_id = find_name(name)
    text = os.fspath(name)
    if hub_id is not None and text != EMBEDDED:
        from .hub import open_from_hub  # loads huggingface_hub

        return _told(open_from_hub(hub_id, revision, local_files_only))
    if revision is not None:
        raise BadOptions(
            f"{text!r} is a folder and has no revision {revision!r}",
            "Leave out the revision, or name a hub id.",
        )
    if hub_id is None:
        return _told(Checkpoint.from_folder(Path(text)))
    if not (EMBEDDED_FOLDER / "config.json").is_file():
        raise ModelNotFound(
            "this installation lacks the embedded checkpoint",
            "Reinstall smolvlm-tools from its wheel.",
        )
    return _told(Checkpoint.from_folder(EMBEDDED_FOLDER, EMBEDDED_ID))


def _told(checkpoint: Checkpoint) -> Checkpoint:
    at = f" at {checkpoint.revision[:12]}" if checkpoint.revision else ""
    logger.info("%s%s is in %s", checkpoint.id, at, checkpoint.folder)
    return checkpoint


def find_name(name: str | os.PathLike[str]) -> str | None:
    """The hub id that a name stands for, "smolvlm-embedded" among them; None for a folder.

    Raises:
        ModelNotFound: it is no alias, folder or hub id.
    """
    if not isinstance(name, (str, os.PathLike)):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise _unknown(str(name))
    text = os.fspath(name)
    hub_id = ALIASES.get(text) if isinstance(name, str) else None
    if hub_id is None and not os.path.isdir(text):
        if not isinstance(name, str) or HUB_ID.fullmatch(text) is None:
            raise _unknown(text)
        hub_id = text
    return hub_id


def _unknown(text: str) -> ModelNotFound:
    if os.path.isfile(text):
        return ModelNotFound(
            f"{text!r} is a file", "Name the checkpoint's folder, an alias, or a hub id."
        )
    if os.sep in text or text.startswith((".", "~")):
        return ModelNotFound(f"there is no folder {text!r}", "Check the path.")
    close = difflib.get_close_matches(text.lower(), ALIASES, n=1)
    hint = f"Did you mean {close[0]!r}? " if close else ""
    return ModelNotFound(
        f"there is no model {text!r}",
        f"{hint}Use an alias ({', '.join(ALIASES)}), a folder, or a hub id like owner/name.",
    )
