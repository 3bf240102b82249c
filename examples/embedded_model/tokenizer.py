"""The tokenizer: byte-level BPE whose merges only grow known words from their leading space.

` circle` is one token, while printed strings are spelled letter by letter, which is what the model
needs to line letters up with image tokens. All 256 bytes are in the vocabulary.
"""

from __future__ import annotations

from tokenizers import AddedToken, Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence

LEADING = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
TRAILING = (
    "<global-img>",
    *(f"<row_{row}_col_{col}>" for row in range(1, 7) for col in range(1, 7)),
    "<fake_token_around_image>",
    "<image>",
    "<end_of_utterance>",
)
WORDS = (
    "The image shows large small red blue green yellow purple orange black gray circle square "
    "triangle star circles squares triangles stars at the top left right bottom center on in and "
    "is are there what how many color colour shape shapes text printed that reads say line lines "
    "of does this image no it can describe"
).split()
SPACE = "Ġ"  # the byte-level spelling of a space


def byte_alphabet() -> list[str]:
    """The 256 printable stand-ins for bytes, in a fixed order."""
    return sorted(ByteLevel.alphabet())


def build_tokenizer() -> Tokenizer:
    """Builds the tokenizer; the same on every machine."""
    vocab: dict[str, int] = {}
    for token in (*LEADING, *byte_alphabet()):
        vocab[token] = len(vocab)
    merges: list[tuple[str, str]] = []
    for word in WORDS:
        grown = SPACE
        for letter in word:
            if grown + letter not in vocab:
                merges.append((grown, letter))
                vocab[grown + letter] = len(vocab)
            grown += letter
    tokenizer = Tokenizer(BPE(vocab=vocab, merges=merges))
    tokenizer.pre_tokenizer = Sequence(
        [Digits(individual_digits=True), ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = ByteLevelDecoder()
    special = [AddedToken(token, special=True, normalized=False) for token in LEADING + TRAILING]
    tokenizer.add_special_tokens(special)
    return tokenizer
