"""Sizes and SHA-256 digests of published files, as the hub listed them on 2026-11-22."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..errors import ModelInvalid
from .digests import Digests, blob_name

_AGAIN = "Delete the file and fetch the checkpoint again."


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What a file must look like; None where that is not known."""

    size: int | None = None
    """Bytes."""
    sha256: str | None = None
    """Hex digest."""
    sha1: str | None = None
    """Hex digest: git's of the file, or the plain one."""

    @property
    def has_digest(self) -> bool:
        return self.sha256 is not None or self.sha1 is not None

    def check_size(self, path: Path, name: str) -> None:
        """Compare the size of the file at `path`, which costs one stat."""
        size = path.stat().st_size
        if self.size is not None and size != self.size:
            raise ModelInvalid(f"{name} has {size:,} bytes instead of {self.size:,}", _AGAIN)

    def check_digests(self, found: Digests, name: str) -> None:
        """Compare the digests of a file."""
        if self.sha256 not in (None, found.sha256):
            raise ModelInvalid(
                f"{name} has the SHA-256 {found.sha256} instead of {self.sha256}", _AGAIN
            )
        if self.sha1 not in (None, found.git, found.sha1):
            raise ModelInvalid(f"{name} has git's SHA-1 {found.git} instead of {self.sha1}", _AGAIN)


def facts_of_blob(path: Path) -> FileFacts:
    """What the hub's cache says about a file by the name that it gave to its content."""
    name = blob_name(path)
    if name is None:
        return FileFacts()
    return FileFacts(sha256=name) if len(name) == 64 else FileFacts(sha1=name)


_ONNX_256M = {
    "decoder_model_merged": """
        5ae6a66fdf47680433aa6bcc512ae8f0b98c2db01bea055fc76ee37bb0389b78 540640302
        1016b8e6ecb95aa36da3f6ab32c8c955f83297ec9f219d08009eea33e6d1089e  78154897 _bnb4
        925ffaf3af9336b4b4c064d77fa64128868d8cb915c257520708d3aa853bb4ae 270414183 _fp16
        306fad6cec3b5b7613600b74abf1e410fa50000fbc81292c0d083bd8d85b5fe2 137221530 _int8
        e3fd81130e30715580cf148398e48e2925b6219bff75e17d2a77add35a363f65  86562901 _q4
        0a6b4e72e26025c190f37e2573ea2ce3336d95670da9c4b1fa662e47cc3d94a7  77034560 _q4f16
        33f14f3bca52699d733d86fcc9c5a0ec6f57afffa1dc9596abde53cde9df81aa 137221644 _quantized
        33f14f3bca52699d733d86fcc9c5a0ec6f57afffa1dc9596abde53cde9df81aa 137221644 _uint8
    """,
    "embed_tokens": """
        a68ea4058524059ed0e2873fdbc4f33b93e13ae3d3204938d32d0566d390ae00 113541419
        47ed7029703cff586fd719d70251324766a6591c8a58d315076b1781a65fc900 113541438 _bnb4
        019af59078b8e4775216dd278c66574c39bfefa36cab68573db64d7ac7a11691  56770946 _fp16
        4b919b829fe2bf225e42431230c56891116f0149e5170e36c99bcc0cfae0d2ef  28385824 _int8
        47ed7029703cff586fd719d70251324766a6591c8a58d315076b1781a65fc900 113541438 _q4
        d810e0849eda8128be2d9cf1a2be9ca0bd8e5bfbe5bf972f60ea8e2a566f6bfe  56770965 _q4f16
        4b919b829fe2bf225e42431230c56891116f0149e5170e36c99bcc0cfae0d2ef  28385824 _quantized
        4b919b829fe2bf225e42431230c56891116f0149e5170e36c99bcc0cfae0d2ef  28385824 _uint8
    """,
    "vision_encoder": """
        e27ad810eabfa7c881b409e1ca357e7a951541019add228ff73c72718fcf6218 374316497
        7d2b29e46fa0de326b63e92e751561cf28180d597ad0ad0859f92bf598944352  58034739 _bnb4
        275c41d775508b7f7410580c4aaf67583a34acf23c31259effa8e53f67e8d9ae 187294693 _fp16
        d534ab668d3563e6d1d809bbbf1ff18308ded48651178614dbcc4a1de13d16f7  94247927 _int8
        95814e6629ec465e7cf98a44edcee67abc06d41faa0d1acc410cf8a956cab488  63784987 _q4
        13c301dc0cbc79c8c23badc699129b47d05ba044e2274ca8a94681fcd4205fc1  55037584 _q4f16
        f82adc84246fbfe8651038470166385452682cc889538f5106544e622e5f1595  94247969 _quantized
        f82adc84246fbfe8651038470166385452682cc889538f5106544e622e5f1595  94247969 _uint8
    """,
}
"""Component → lines of SHA-256, bytes and precision suffix."""


def _onnx_files(components: dict[str, str]) -> dict[str, FileFacts]:
    facts: dict[str, FileFacts] = {}
    for component, lines in components.items():
        for line in lines.strip().splitlines():
            digest, size, *suffix = line.split()
            facts[f"onnx/{component}{''.join(suffix)}.onnx"] = FileFacts(int(size), digest)
    return facts


KNOWN_FILES: dict[str, dict[str, FileFacts]] = {
    "HuggingFaceTB/SmolVLM-256M-Instruct": {
        "model.safetensors": FileFacts(
            513028808, "74dea5904032e5ae99a2e0eef5179e6ac0f1dedc3ab0c7c2a5d4d387c843203e"
        ),
        **_onnx_files(_ONNX_256M),
    }
}
"""Hub id → relative file name → facts. `checking.check_file` compares them."""
