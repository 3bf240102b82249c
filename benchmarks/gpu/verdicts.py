"""The bars for the measurements on a GPU, and whether they are reached."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from benchmarks.gpu.runs import Wanted
from benchmarks.memory.table import MARGIN
from benchmarks.process import Answer

PEAK = 10**9
"""Bytes that a page in bf16 stays below."""

FASTER, SOONER = 3.0, 0.6
"""Decode speed and time to first token, as multiples of transformers'."""

SHARED = 0.6
"""Seconds of eight requests together, as a part of those one by one."""

FOUR_BITS, MORE_BITS = (0.0, 0.75), (0.75, 0.98)
"""Least agreement and cosine with bf16, of kinds with 4 bits and of others.

They tell a kernel that multiplies correctly from one that does not (a cosine of about 0); good
precisions are told from bad ones by `smolvlm quality`. On random weights on a CPU, where the
likeliest tokens are nearly tied, bnb-int8 has 0.88 and 0.996, bnb-nf4 0.25 and 0.85, quanto-int4
0.00 and 0.83 (8 steps of `runs.kinds`).
"""

Answers: TypeAlias = Mapping[Wanted, Answer]


@dataclass(frozen=True, slots=True)
class Check:
    """One row of the table; `wanted` is "" and `passed` None where nothing is judged."""

    name: str
    wanted: str
    measured: str
    passed: bool | None


def judge(answers: Answers) -> list[Check]:
    """All rows, in the order of the answers; bars between two answers where both exist."""
    return [row for wanted in answers for row in _judge_one(wanted, answers)]


def _judge_one(wanted: Wanted, answers: Answers) -> Iterator[Check]:
    answer = answers[wanted]
    if "error" in answer:
        # a library without a kernel for this device says so at load; everything else must run
        excused = answer.get("code") == "backend_unavailable" and "-" in wanted.argument
        yield Check(str(wanted), "runs", str(answer["error"]), None if excused else False)
        return
    yield from JUDGES[wanted.group](wanted.argument, answer, answers)


def _memory(kind: str, answer: Answer, answers: Answers) -> Iterator[Check]:
    peak = max(answer["peaks"])
    about = f"loaded {mb(answer['loaded'])}, reserved {mb(answer['reserved'])}"
    if kind == "bf16":
        name = "bf16, page: allocator's peak, activations included"
        yield Check(name, f"< {mb(PEAK)}", f"{mb(peak)} ({about})", peak < PEAK)
        driver = "unknown" if answer["driver"] is None else mb(answer["driver"])
        name = "· process by the driver, CUDA context and libraries included"
        yield Check(name, "", f"{driver} ({answer['driver_source']})", None)
    else:
        exact = answers.get(Wanted("memory", "bf16"), {})
        bar = max(exact["peaks"]) if "peaks" in exact else None
        wanted = "less than bf16" + (f", {mb(bar)}" if bar else "")
        lower = None if bar is None else peak < bar
        yield Check(f"{kind}, page: allocator's peak", wanted, f"{mb(peak)} ({about})", lower)
    for number, usage in enumerate(answer["requests"], 1):
        measured, predicted = usage["peak"], usage["predicted"]
        yield Check(
            f"· {kind}, page {number}: predicted beside measured",
            f"measured ≤ predicted ≤ {MARGIN} × measured",
            f"{mb(predicted)} beside {mb(measured)}, {predicted / max(measured, 1):.2f} ×",
            measured <= predicted <= MARGIN * measured,
        )


def _budget(asked: str, answer: Answer, _: Answers) -> Iterator[Check]:
    if asked == "150MB":
        early = answer["refused"] is not None and answer["allocated_before"] == 0
        measured = answer["refused"] or "accepted"
        yield Check("budget 150MB", "refused before loading", measured, early)
        if answer["refused"] is None or answer["needed"] is None:
            return
        asked = mb(answer["needed"])
    else:
        plan = [str(answer.get("precision")), *answer.get("given_up", [])]
        fits = answer["refused"] is None
        yield Check(f"budget {asked}", "accepted", answer["refused"] or "; ".join(plan), fits)
    limit = answer["budget"]
    names = (f"· {asked}: picture of 2048×2048", f"· {asked}: four pages in one request")
    for number, (name, usage) in enumerate(zip(names, answer["requests"], strict=True)):
        if "error" in usage:  # the smallest budget is for one picture
            small = number > 0 and answer["needed"] is not None
            yield Check(name, "answered", usage["error"], None if small else False)
            continue
        said = f"{mb(usage['peak'])}, {usage['tiles']} tiles {' '.join(usage['flags'])}"
        yield Check(name, f"≤ {mb(limit)}", said.strip(), usage["peak"] <= limit)
    for name, key in (("peak, loading included", "peak"), ("taken from the driver", "reserved")):
        figure = answer[key]
        yield Check(f"· {asked}: {name}", f"≤ {mb(limit)}", mb(figure), figure <= limit)
    does = "refuses" if answer["limit_holds"] else "gives"
    yield Check(f"· {asked}: the allocator refuses more", "refuses", does, answer["limit_holds"])


def _speed(engine: str, answer: Answer, answers: Answers) -> Iterator[Check]:
    said = (
        f"{1000 * answer['first_token_s']:.0f} ms, {answer['decode_tokens_per_s']:.1f} tok/s "
        f"({answer['prompt_tokens']} tokens, medians of {answer['runs']})"
    )
    yield Check(f"{engine}, page, bf16: first token, decode", "", said, None)
    if engine == "ours":
        graphs = answer["graphs"]
        yield Check("· its steps are CUDA graphs", "1 or more", str(graphs), graphs > 0)
    other = answers.get(Wanted("speed", "ours"), {})
    if engine == "ours" or "first_token_s" not in other:
        return
    if engine != "transformers":
        rate = other["decode_tokens_per_s"] / answer["decode_tokens_per_s"]
        yield Check("· decode of ours against it", "", f"{rate:.2f} ×", None)
        return
    wanted, measured = answer["prompt_tokens"], other["prompt_tokens"]
    yield Check("· the same prompt", str(wanted), str(measured), wanted == measured)
    rate = other["decode_tokens_per_s"] / answer["decode_tokens_per_s"]
    faster = rate >= FASTER
    yield Check("· decode against transformers", f"≥ {FASTER} ×", f"{rate:.2f} ×", faster)
    part = other["first_token_s"] / answer["first_token_s"]
    sooner = part <= SOONER
    yield Check("· first token against transformers", f"≤ {SOONER} ×", f"{part:.2f} ×", sooner)


def _together(kind: str, answer: Answer, _: Answers) -> Iterator[Check]:
    part = answer["together"] / answer["one_by_one"]
    said = f"{part:.2f} ({answer['one_by_one']:.2f} s, {answer['together']:.2f} s)"
    name = f"8 requests of one tile, {kind}: together ÷ one by one"
    yield Check(name, f"≤ {SHARED}", said, part <= SHARED)


def _exhaust(_: str, answer: Answer, __: Answers) -> Iterator[Check]:
    for stage, found in answer["stages"].items():
        same = found["next_answer_is_the_same"]
        halved = "halved_micro_batch" in found.get("flags", ())
        typed = halved or found["error"] == "OutOfMemoryBudget"
        said = found["error"] or " ".join(found["flags"]) or "did not run out"
        yield Check(
            f"memory runs out in: {stage}",
            "OutOfMemoryBudget or halved; the next answer is right",
            f"{said}; the next answer is {'right' if same else 'another'}",
            typed and same,
        )
    last = answer["halved"]
    if "error" in last:
        said = last.get("reason") or " ".join(last["flags"]) or "no flag"
        passed = "halved_micro_batch" in last.get("flags", ())
    else:
        said, passed = f"not run: a micro-batch takes only {mb(last['growth'])}", None
    yield Check("half a micro-batch fits", "halved_micro_batch", said, passed)


def _kinds(kind: str, answer: Answer, _: Answers) -> Iterator[Check]:
    if "refused" in answer:
        wanted = "like bf16, or refused by name"
        yield Check(f"{kind}: next tokens", wanted, answer["refused"], True)
        return
    agreement, cosine = FOUR_BITS if kind.endswith(("4", "int4", "nf4")) else MORE_BITS
    yield Check(
        f"{kind}: next tokens",
        f"agreement ≥ {agreement}, cosine ≥ {cosine} with bf16",
        f"{answer['agreement']:.2f}, {answer['cosine']:.3f}",
        answer["agreement"] >= agreement and answer["cosine"] >= cosine,
    )


def _parity(_: str, answer: Answer, __: Answers) -> Iterator[Check]:
    names = {
        "cpu": "fp32 greedy tokens: GPU and CPU",
        "again": "· asked again, caches warm",
        "together": "· in one batch",
    }
    alone = answer["alone"]
    for key, name in names.items():
        equal = sum(a == b for a, b in zip(alone, answer[key], strict=True))
        yield Check(name, "the same", f"{equal} of {len(alone)} replies", equal == len(alone))


JUDGES: Mapping[str, Callable[[str, Answer, Answers], Iterator[Check]]] = {
    "memory": _memory,
    "budget": _budget,
    "speed": _speed,
    "together": _together,
    "exhaust": _exhaust,
    "kinds": _kinds,
    "parity": _parity,
}


def mb(count: float) -> str:
    """Decimal megabytes."""
    return f"{count / 1e6:.0f} MB"
