"""The loss of a batch: cross entropy of the answers' tokens, and of nothing else."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

AT_ONCE = 1024
"""Answer tokens whose scores of the whole vocabulary are kept; of more they are computed twice."""


class AnswerLoss(torch.nn.Module):
    """transformers' model with the loss of a batch as its output.

    The scores of the vocabulary are most of what a small model keeps for its gradient. They are
    computed where an answer's token comes next only, so images and questions cost none.

    Args:
        model: Idefics3ForConditionalGeneration or SmolVLMForConditionalGeneration.
        trains_vision: whether gradients reach the vision tower and the connector.
    """

    def __init__(self, model: Any, *, trains_vision: bool) -> None:
        super().__init__()
        self.model = model
        self._trains_vision = trains_vision
        self._image_token_id = int(model.config.image_token_id)

    def forward(
        self,
        token_ids: torch.Tensor,
        is_answer: torch.Tensor,
        tiles: torch.Tensor | None = None,
        features: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Sum over the answers' tokens, in nats, float32.

        Args:
            token_ids: (B, L), padded at their end.
            is_answer: (B, L).
            tiles: (tiles, 3, S, S) of all images of the batch in order; or
            features: (image tokens, hidden) of them.
        """
        if tiles is not None:
            features = self.features(tiles)
        embedded = self.model.get_input_embeddings()(token_ids)
        if features is not None:
            at = (token_ids == self._image_token_id)[..., None]
            embedded = embedded.masked_scatter(at, features.to(embedded.dtype))
        text = self.model.model.text_model
        hidden = text(inputs_embeds=embedded, use_cache=False).last_hidden_state
        wanted = is_answer[:, 1:]  # the state of a token tells what comes next
        return summed_cross_entropy(
            self.model.lm_head, hidden[:, :-1][wanted], token_ids[:, 1:][wanted]
        )

    def features(self, tiles: torch.Tensor) -> torch.Tensor:
        """(tiles, 3, S, S) → (image tokens, hidden)."""
        with torch.set_grad_enabled(self._trains_vision and torch.is_grad_enabled()):
            core = self.model.model
            seen = core.vision_model(pixel_values=tiles.to(core.dtype)).last_hidden_state
            return core.connector(seen).flatten(0, 1)


def summed_cross_entropy(
    head: torch.nn.Module, states: torch.Tensor, wanted: torch.Tensor
) -> torch.Tensor:
    """Sum over tokens, float32.

    Args:
        head: from states to scores of the vocabulary.
        states: (N, hidden).
        wanted: (N,) token ids.
    """

    def loss_of(part: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        return functional.cross_entropy(head(part).float(), ids, reduction="sum")

    if len(wanted) <= AT_ONCE:
        return loss_of(states, wanted)
    parts = zip(states.split(AT_ONCE), wanted.split(AT_ONCE), strict=True)
    losses = [checkpoint(loss_of, part, ids, use_reentrant=False) for part, ids in parts]
    return torch.stack(losses).sum()
