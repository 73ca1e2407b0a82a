"""Details of tokens as a blob: numbers as they are in memory, texts as JSON, all of it deflated.

A blob begins with the version of its form. Numbers are little-endian: ids 32 bits, seconds and log probabilities
float32, which is nearer than anything measures them.
"""

from __future__ import annotations

import array
import json
import math
import sys
import zlib
from collections.abc import Sequence
from typing import Literal

from openarc_ui.engine.prompts import TokenDetail

VERSION = 1
COMPRESSION = 6


def pack_details(details: Sequence[TokenDetail]) -> bytes:
    """Details as a blob.

    Numbers, each as many as there are tokens: ids, seconds, log probabilities (NaN: not known), and for each
    alternative its log probability; texts: [[text of each token], [the special ones], [how many alternatives], [theirs]].
    """
    alternatives = [each for detail in details for each in detail.alternatives]
    texts = [
        [detail.text for detail in details],
        [index for index, detail in enumerate(details) if detail.is_special],
        [len(detail.alternatives) for detail in details],
        [text for text, _ in alternatives],
    ]
    numbers = (
        _bytes_of("I", [detail.id for detail in details])
        + _bytes_of("f", [detail.seconds for detail in details])
        + _bytes_of("f", [math.nan if detail.log_probability is None else detail.log_probability for detail in details])
        + _bytes_of("f", [log_probability for _, log_probability in alternatives])
    )
    head = len(details).to_bytes(4, "little") + len(alternatives).to_bytes(4, "little")
    return bytes([VERSION]) + zlib.compress(head + numbers + json.dumps(texts).encode("ascii"), COMPRESSION)


def unpack_details(blob: bytes) -> tuple[TokenDetail, ...]:
    """The inverse of `pack_details`.

    Raises:
        ValueError: it is of another version.
    """
    if blob[0] != VERSION:
        raise ValueError(f"details of tokens in form {blob[0]}; this OpenArc knows {VERSION}")
    data = zlib.decompress(blob[1:])
    count, alternatives = int.from_bytes(data[:4], "little"), int.from_bytes(data[4:8], "little")
    ends = [8 + 4 * count * number for number in range(4)] + [8 + 4 * (3 * count + alternatives)]
    ids = _numbers_of("I", data[ends[0] : ends[1]])
    seconds = _numbers_of("f", data[ends[1] : ends[2]])
    log_probabilities = _numbers_of("f", data[ends[2] : ends[3]])
    texts, special, counts, other_texts = json.loads(data[ends[4] :])
    others = iter(zip(other_texts, _numbers_of("f", data[ends[3] : ends[4]]), strict=True))
    specials = set(special)
    return tuple(
        TokenDetail(
            id=int(ids[index]),
            text=texts[index],
            is_special=index in specials,
            seconds=seconds[index],
            log_probability=None if math.isnan(log_probabilities[index]) else log_probabilities[index],
            alternatives=tuple(next(others) for _ in range(counts[index])),
        )
        for index in range(count)
    )


def _bytes_of(form: Literal["I", "f"], values: Sequence[float]) -> bytes:
    numbers = array.array(form, values)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()


def _numbers_of(form: Literal["I", "f"], data: bytes) -> array.array[float]:
    numbers: array.array[float] = array.array(form, data)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers
