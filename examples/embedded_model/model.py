"""The network: its shape, how it starts, and a lean forward for training."""

from __future__ import annotations

import torch
from batches import Group
from render import NUM_LABELS
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import Idefics3Config, Idefics3ForConditionalGeneration

from smolvlm_tools.machine.cpu import this_cpu


def build_config(tokenizer: Tokenizer) -> Idefics3Config:
    """SmolVLM's architecture in small: 128-pixel tiles, 64 tokens each."""
    ids = {
        "bos_token_id": tokenizer.token_to_id("<|im_start|>"),
        "eos_token_id": tokenizer.token_to_id("<end_of_utterance>"),
        "pad_token_id": tokenizer.token_to_id("<|im_end|>"),
    }
    return Idefics3Config(
        image_token_id=tokenizer.token_to_id("<image>"),
        scale_factor=2,
        tie_word_embeddings=False,
        pad_token_id=ids["pad_token_id"],
        vision_config={
            "hidden_size": 128,
            "intermediate_size": 384,
            "num_hidden_layers": 4,
            "num_attention_heads": 4,
            "image_size": 128,
            "patch_size": 8,
            "hidden_act": "gelu_pytorch_tanh",
            "layer_norm_eps": 1e-6,
        },
        text_config={
            "model_type": "llama",
            "vocab_size": tokenizer.get_vocab_size(),
            "hidden_size": 192,
            "intermediate_size": 384,
            "num_hidden_layers": 4,
            "num_attention_heads": 3,
            "num_key_value_heads": 1,
            "head_dim": 64,
            "hidden_act": "silu",
            "rms_norm_eps": 1e-5,
            "rope_theta": 10000.0,
            "max_position_embeddings": 8192,
            "tie_word_embeddings": False,
            **ids,
        },
    )


def build_model(tokenizer: Tokenizer, seed: int = 0) -> Idefics3ForConditionalGeneration:
    """A fresh network."""
    torch.manual_seed(seed)
    model = Idefics3ForConditionalGeneration(build_config(tokenizer))
    model.set_attn_implementation("eager")  # quicker than fused attention at these sizes
    # The library's default of 1.0 would drown the pixels.
    nn.init.normal_(model.model.vision_model.embeddings.position_embedding.weight, std=0.02)
    return model


class Trainer(nn.Module):
    """The network with the head that names what covers each patch (thrown away afterwards)."""

    def __init__(self, model: Idefics3ForConditionalGeneration) -> None:
        """Wraps the network."""
        super().__init__()
        self.model = model
        self.patch_head = nn.Linear(model.config.vision_config.hidden_size, 2 * NUM_LABELS)

    def see(self, tiles: Tensor, places: Tensor | None = None) -> Tensor:
        """Patch states of whole tiles or of windows cut from them.

        Args:
            tiles: (T, H, H, 3) uint8, H = 128 for whole tiles.
            places: (T, P) patch numbers of a window's patches; None for whole tiles.

        Returns:
            (T, P, 128), P = 256 for whole tiles.
        """
        with fast_products():
            return self._see(tiles, places).float()

    def _see(self, tiles: Tensor, places: Tensor | None) -> Tensor:
        vision = self.model.model.vision_model
        size = vision.patch_size
        side = tiles.shape[1] // size
        pixels = tiles.to(torch.float32).mul_(1 / 127.5).sub_(1.0)
        pixels = pixels.view(-1, side, size, side, size, 3).permute(0, 1, 3, 5, 2, 4)
        patches = pixels.reshape(-1, side * side, 3 * size * size)
        embed = vision.embeddings
        kernel = embed.patch_embedding.weight.flatten(1)
        hidden = nn.functional.linear(patches, kernel, embed.patch_embedding.bias)
        positions = embed.position_embedding
        hidden = hidden + (positions.weight if places is None else positions(places))
        for layer in vision.encoder.layers:
            hidden = layer(hidden, None)
        return vision.post_layernorm(hidden)

    def patch_loss(self, states: Tensor, labels: Tensor) -> Tensor:
        """How well each patch tells what covers it; plain background counts a tenth."""
        flat = labels.reshape(-1)
        keep = flat >= 0
        # Background is most of the area: look at every tenth such point only.
        keep &= (flat > 0) | (torch.rand(flat.shape) < 0.1)
        chosen = keep.nonzero()[:, 0]
        patch = states.reshape(-1, states.shape[-1])[chosen // 2]
        half = self.patch_head.weight.view(2, NUM_LABELS, -1)
        bias = self.patch_head.bias.view(2, NUM_LABELS)
        side = (chosen % 2)[:, None].bool()
        first = nn.functional.linear(patch, half[0], bias[0])
        second = nn.functional.linear(patch, half[1], bias[1])
        logits = torch.where(side, second, first)
        return cross_entropy(logits, flat[chosen])

    def read(self, group: Group, features: Tensor | None) -> tuple[Tensor, Tensor]:
        """Next-token losses of a group.

        Args:
            group: Ids, positions, branches and targets.
            features: (image tokens of the whole group, 192), or None without images.

        Returns:
            The summed loss and the number of taught tokens.
        """
        text = self.model.model.text_model
        embeds = text.embed_tokens(group.ids)
        if features is not None:
            mask = group.ids == self.model.config.image_token_id
            embeds = embeds.masked_scatter(mask[..., None], features)
        with fast_products():
            hidden = text(
                inputs_embeds=embeds,
                attention_mask=branch_mask(group.branch),
                position_ids=group.positions,
                use_cache=False,
            ).last_hidden_state.float()
        taught = group.targets >= 0
        logits = self.model.lm_head(hidden[taught])
        targets = group.targets[taught]
        return cross_entropy(logits, targets, reduction="sum"), taught.sum()


def fast_products() -> torch.autocast:
    """Lets products be bfloat16 where the CPU has instructions for it."""
    return torch.autocast("cpu", torch.bfloat16, enabled=this_cpu().bf16_products)


def branch_mask(branch: Tensor) -> Tensor:
    """(B, L) -> (B, 1, L, L) additive mask: earlier tokens of the prefix or of the same branch."""
    length = branch.shape[1]
    causal = torch.ones(length, length, dtype=torch.bool).tril()
    mine = (branch[:, None, :] == 0) | (branch[:, None, :] == branch[:, :, None])
    seen = causal & mine
    seen |= torch.eye(length, dtype=torch.bool)
    return torch.zeros(seen.shape).masked_fill_(~seen, torch.finfo(torch.float32).min)[:, None]
