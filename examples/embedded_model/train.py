"""Trains the checkpoint: `python train.py --out DIR --minutes 85`.

First the vision tower alone learns to name what covers each patch, mostly on small windows around
print, then everything is trained together. State is written every few minutes; the same command
with `--resume` goes on from it. `torchrun --nproc_per_node 2 train.py --threads 1 …` shares every
step between two processes, which on two cores is quicker than two threads. After the schedule's end
a larger `--minutes` with `--resume` starts a new plateau.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.distributed as dist
from batches import Group, Mix, Prompts, Source
from export import export
from model import Trainer, build_model
from muon import Muon
from tokenizer import build_tokenizer
from torch.utils.data import DataLoader, IterableDataset
from windows import Windows, WindowSource

# Scenes first: print is shown rarely until the towers can tell glyphs apart.
VISION_MIX = Mix(single=4, strip=1, square=0, chats=0.0, windows=192)
EARLY_MIX = Mix(single=16, strip=5, square=1, print_share=0.5, windows=32)
LATE_MIX = Mix(single=8, strip=5, square=5, print_share=0.62, windows=16)
MUON_RATE, ADAM_RATE = 0.02, 2e-3
PLATEAU, FLOOR = 0.7, 0.05  # of these rates
DECAY = 0.17  # the last part of the schedule, on the way from one to the other


@dataclass
class Step:
    """One training step's data."""

    groups: list[Group]
    windows: Windows


class Steps(IterableDataset[Step]):
    """Batches from a worker process, so that the training process only multiplies matrices."""

    def __init__(self, mix: Mix, seed: int) -> None:
        """Names the mix and the seed."""
        self.mix, self.seed = mix, seed

    def __iter__(self) -> Iterator[Step]:
        """Endless steps."""
        torch.set_num_threads(1)
        windows = WindowSource(random.Random(self.seed))
        for groups in Source(Prompts(build_tokenizer()), self.seed).steps(self.mix):
            yield Step(groups, windows.batch(self.mix.windows))


def loader(mix: Mix, seed: int) -> Iterator[Step]:
    """Steps prepared ahead by one worker."""
    return iter(DataLoader(Steps(mix, seed), batch_size=None, num_workers=1, prefetch_factor=6))


def optimizers(trainer: Trainer) -> list[torch.optim.Optimizer]:
    """Muon for hidden matrices, AdamW for embeddings, heads, norms and biases."""
    matrices, rest = [], []
    for name, param in trainer.named_parameters():
        outer = any(part in name for part in ("embed", "lm_head", "patch_head"))
        (rest if param.ndim != 2 or outer else matrices).append(param)
    return [
        Muon(matrices, lr=MUON_RATE),
        torch.optim.AdamW(rest, lr=ADAM_RATE, betas=(0.9, 0.97), weight_decay=0.0),
    ]


def rate(done: float, step: int) -> float:
    """Learning-rate factor: short warm-up, a plateau, and a straight way down to the floor."""
    warm = min(1.0, (step + 1) / 20)
    return warm * (FLOOR + (PLATEAU - FLOOR) * min(1.0, max(0.0, 1 - done) / DECAY))


def vision_step(trainer: Trainer, data: Step) -> dict[str, float]:
    """Gradients of the patch loss alone, on windows and, lighter, on whole tiles."""
    tiles = torch.cat([group.tiles.flatten(0, 1) for group in data.groups])
    labels = torch.cat([group.labels.flatten(0, 1) for group in data.groups])
    whole = trainer.patch_loss(trainer.see(tiles), labels)
    part = window_loss(trainer, data.windows)
    (part + 0.3 * whole).backward()
    return {"patch": whole.item(), "window": part.item()}


def window_loss(trainer: Trainer, windows: Windows) -> torch.Tensor:
    """The patch loss on small windows around print."""
    return trainer.patch_loss(trainer.see(windows.pixels, windows.places), windows.labels)


def full_step(trainer: Trainer, data: Step, patch_weight: float) -> dict[str, float]:
    """Gradients of the next-token loss and, lighter, of the patch losses."""
    groups = data.groups
    pictured = [group for group in groups if group.tiles.numel()]
    counts = [group.tiles.shape[0] * group.tiles.shape[1] for group in pictured]
    states = trainer.see(torch.cat([group.tiles.flatten(0, 1) for group in pictured]))
    patch = trainer.patch_loss(
        states, torch.cat([group.labels.flatten(0, 1) for group in pictured])
    )
    features = trainer.model.model.connector(states)
    parts = iter(features.split(counts))
    total, tokens, report = torch.zeros(()), 0, {"patch": patch.item()}
    for group in groups:
        tiles = group.tiles.shape[1] if group.tiles.numel() else 0
        loss, count = trainer.read(group, next(parts).flatten(0, 1) if tiles else None)
        report[f"text{tiles}"] = loss.item() / int(count)
        total, tokens = total + loss, tokens + int(count)
    window = window_loss(trainer, data.windows)
    report["window"] = window.item()
    (total / tokens + patch_weight * (patch + window)).backward()
    return report


def share(parameters: list[torch.nn.Parameter], spent: float) -> float:
    """Average gradients, and the minutes spent, over the processes; returns the latter."""
    held = [p for p in parameters if p.grad is not None]
    flat = torch.cat([*(p.grad.flatten() for p in held), torch.tensor([spent])])
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    parts = flat[:-1].split([p.numel() for p in held])
    for p, part in zip(held, parts, strict=True):
        p.grad = part.view_as(p)
    return float(flat[-1])


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of state, log and export")
    parser.add_argument("--minutes", type=float, default=85.0, help="length of the whole schedule")
    parser.add_argument("--vision-minutes", type=float, default=8.0, help="vision alone, at first")
    parser.add_argument("--early-share", type=float, default=0.3, help="part with mostly one tile")
    parser.add_argument("--resume", action="store_true", help="go on from the state in --out")
    parser.add_argument("--steps", type=int, default=0, help="stop after so many steps (a trial)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--save-every", type=float, default=4.0, help="minutes between states")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    run(args)


def mix_at(minute: float, args: argparse.Namespace) -> Mix:
    """Which images are shown at that minute of the schedule."""
    if minute < args.vision_minutes:
        return VISION_MIX
    early = args.vision_minutes + args.early_share * (args.minutes - args.vision_minutes)
    return EARLY_MIX if minute < early else LATE_MIX


def run(args: argparse.Namespace) -> None:
    """The training loop."""
    torch.set_num_threads(args.threads)
    shared = dist.is_torchelastic_launched()
    if shared:
        dist.init_process_group("gloo")
    rank = dist.get_rank() if shared else 0
    tokenizer = build_tokenizer()
    trainer = Trainer(build_model(tokenizer, args.seed))
    tools = optimizers(trainer)
    step, spent, images = 0, 0.0, 0
    state_file = args.out / "state.pt"
    if args.resume and state_file.exists():
        state = torch.load(state_file, weights_only=True)
        trainer.load_state_dict(state["trainer"])
        for tool, saved in zip(tools, state["optimizers"], strict=True):
            tool.load_state_dict(saved)
        step, spent, images = state["step"], state["spent"], state["images"]
    parameters = sum(p.numel() for p in trainer.model.parameters())
    print(f"{parameters:,} parameters, vocabulary {tokenizer.get_vocab_size()}", flush=True)
    args.out.mkdir(parents=True, exist_ok=True)
    mix: Mix | None = None
    batches: Iterator[Step] = iter(())
    saved_at = spent

    def save() -> None:
        if rank:
            return
        export(trainer.model, tokenizer, args.out / "export")
        state = {
            "trainer": trainer.state_dict(),
            "optimizers": [tool.state_dict() for tool in tools],
            "step": step, "spent": spent, "images": images,
        }  # fmt: skip
        torch.save(state, state_file.with_suffix(".new"))
        state_file.with_suffix(".new").replace(state_file)

    save()
    while spent < args.minutes and not (args.steps and step >= args.steps):
        began = time.monotonic()
        if mix_at(spent, args) != mix:
            mix = mix_at(spent, args)
            batches = loader(mix, args.seed * 1_000_003 + 500_009 * rank + step + 1)
        data = next(batches)
        factor = rate(spent / args.minutes, step)
        for tool, base in zip(tools, (MUON_RATE, ADAM_RATE), strict=True):
            for group in tool.param_groups:
                group["lr"] = base * factor
            tool.zero_grad(set_to_none=True)
        if spent < args.vision_minutes:
            report = vision_step(trainer, data)
        else:
            report = full_step(trainer, data, patch_weight=0.3)
        spent += (time.monotonic() - began) / 60
        if shared:
            spent = share(list(trainer.parameters()), spent)
        began = time.monotonic()
        torch.nn.utils.clip_grad_norm_(trainer.parameters(), 1.0)
        for tool in tools:
            tool.step()
        step += 1
        images += sum(len(group.tiles) for group in data.groups)
        spent += (time.monotonic() - began) / 60
        if rank == 0 and (step % 10 == 0 or step <= 5):
            losses = " ".join(f"{name} {value:.3f}" for name, value in report.items())
            print(f"step {step} min {spent:.2f} images {images} lr x{factor:.2f} {losses}",
                  flush=True)  # fmt: skip
        if spent - saved_at >= args.save_every:
            save()
            saved_at = spent
    save()
    print(f"done: {step} steps, {images} images, {spent:.1f} minutes", flush=True)


if __name__ == "__main__":
    main()
