"""Every number format a matrix can be in, by the name that users give it. Imports no torch."""

from __future__ import annotations

from . import bitsandbytes_sizes, packed_sizes, quanto_sizes, torchao_sizes
from .floats import Float
from .format import Format

FORMATS: dict[str, Format] = {
    "fp32": Float(4),
    "bf16": Float(2, brain=True),
    "fp16": Float(2),
    "int8": packed_sizes.Int8(),
    "q4": packed_sizes.Int4(),
    "bnb-int8": bitsandbytes_sizes.Int8(),
    "bnb-nf4": bitsandbytes_sizes.Nf4(),
    "torchao-int8": torchao_sizes.Int8(),
    "torchao-int8-dynamic": torchao_sizes.Int8Dynamic(),
    "torchao-int4": torchao_sizes.Int4(),
    "quanto-int8": quanto_sizes.Int8(),
    "quanto-int4": quanto_sizes.Int4(),
    "quanto-float8": quanto_sizes.Float8(),
}
