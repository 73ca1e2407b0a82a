"""How near decoding comes to what the memory can give: the roofline model (Williams, Waterman, Patterson 2009) for one token.

A token of one request reads all weights once, and the KV cache of everything before it. It does little arithmetic with each
byte, so the time of a step can't fall below those bytes over the memory's bandwidth. Pure reads; it measures nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import pandas

from openarc_ui.engine.types import Bandwidth
from openarc_ui.metrics import frames
from openarc_ui.metrics.filters import Filter

LOW, HIGH = 0.40, 0.65
"""Of the roof: below, memory hardly matters; above, little else does."""
NEWEST_REQUESTS = 200
MOST_TOKENS_PER_STEP = 1.1
COLUMNS = [
    "id",
    "model",
    "configuration_id",
    "concurrent_requests",
    "prompt_tokens",
    "generated_tokens",
    "tpot_seconds",
    "decode_tokens_per_second",
]
NOT_ALONE = (
    "No request ran alone and decoded yet, so nothing can be held against the roof. Send one while nothing else runs."
)
NOT_KEPT = "The configuration it ran under is not kept, so it is not known what a token reads. Load the model again and send a request."
SEVERAL_DEVICES = (
    "The model runs on several devices, which have no one bandwidth. Load it on one device to see its roof."
)


@dataclass(frozen=True, slots=True)
class Roof:
    """Bytes read while decoding, against the bandwidth of the device.

    Attributes:
        fraction: bytes read a second over the bandwidth, 0.68 for 68%; None where `missing` says why.
        bytes_per_token: read for one token of one request: its share of the weights, and its KV cache.
        bytes_per_second: read in a second of decoding, by all requests that run.
        words: what the fraction means to somebody who tunes, or "" where there is none.
        missing: why there is no fraction and what to do about it, or None.
    """

    fraction: float | None
    bytes_per_token: float | None
    bytes_per_second: float | None
    bandwidth_bytes_per_second: float | None
    words: str
    missing: str | None


class Decoded(NamedTuple):
    """How fast requests that ran alone decoded under one configuration: what `roof` wants to know beside the ModelInfo.

    Attributes:
        decode_tokens_per_second: median of the newest requests; None where none ran alone.
        context_tokens: mean tokens before a generated one: the prompt, and half the answer.
        bandwidth: of the device it ran on, as measured last; None while nobody measured.
    """

    model: str
    configuration_id: str
    decode_tokens_per_second: float | None
    context_tokens: float | None
    bandwidth: Bandwidth | None


def roof(
    info: Mapping[str, Any] | None,
    decode_tokens_per_second: float | None,
    context_tokens: float | None,
    concurrent: int,
    bandwidth: Bandwidth | None,
) -> Roof:
    """Where decoding stands under the memory's roof.

    Args:
        info: a ModelInfo as JSON, as it is kept with the configuration; None where it is not kept.
        decode_tokens_per_second: of one request.
        context_tokens: tokens before a generated one, of one request, on average.
        concurrent: how many requests ran at once; every step gives each of them a token.
    """
    known = bandwidth.bytes_per_second if bandwidth is not None else None
    if info is None:
        return Roof(None, None, None, known, "", NOT_KEPT)
    traffic = info.get("traffic")
    if not traffic:
        return Roof(None, None, None, known, "", _no_traffic(info))
    if not decode_tokens_per_second or context_tokens is None:
        return Roof(None, None, None, known, "", NOT_ALONE)
    cache_bytes = traffic["kv_bytes_per_token"] * context_tokens
    step_bytes = traffic["weights_bytes"] + concurrent * cache_bytes
    bytes_per_second = step_bytes * decode_tokens_per_second
    if not known:
        return Roof(None, step_bytes / concurrent, bytes_per_second, None, "", _no_bandwidth(info))
    fraction = bytes_per_second / known
    words = _words(fraction, concurrent * cache_bytes / step_bytes, concurrent, device_of(info) or "")
    return Roof(fraction, step_bytes / concurrent, bytes_per_second, known, words, None)


def latest(connection: sqlite3.Connection, chosen: Filter, sample: pandas.DataFrame | None = None) -> list[Decoded]:
    """What `roof` needs, for each model and configuration of the filter; only requests that ran alone count.

    Args:
        sample: `frames.sample` of the same filter, where the caller has it already.
    """
    sampled = frames.sample(connection, chosen) if sample is None else sample
    newest = frames.requests(connection, chosen, limit=NEWEST_REQUESTS)
    rows = pandas.concat([each[COLUMNS] for each in (sampled, newest) if len(each)] or [sampled[COLUMNS]])
    rows = rows.drop_duplicates("id").sort_values("id", ascending=False)
    infos = frames.configurations(connection, rows["configuration_id"].unique().tolist())
    found: list[Decoded] = []
    for key, of_one in rows.groupby(["model", "configuration_id"]):
        model, configuration_id = (str(each) for each in key)
        alone = of_one[_is_alone(of_one)].head(NEWEST_REQUESTS)
        found.append(
            Decoded(
                model,
                configuration_id,
                float(alone["decode_tokens_per_second"].median()) if len(alone) else None,
                float((alone["prompt_tokens"] + alone["generated_tokens"] / 2).mean()) if len(alone) else None,
                bandwidth_of(connection, infos.get(configuration_id, {})),
            )
        )
    return found


def bandwidth_of(connection: sqlite3.Connection, info: Mapping[str, Any]) -> Bandwidth | None:
    """The bandwidth of the one device a model runs on, as it was measured last. "GPU" is another name of "GPU.0"."""
    device = device_of(info)
    row = connection.execute(
        """SELECT device, device_name, bytes_per_second, measured_at, method FROM bandwidths
        WHERE device IN (?, ?) ORDER BY measured_at DESC LIMIT 1""",
        (device, device.removesuffix(".0") if device is not None else None),
    ).fetchone()
    return Bandwidth(*row) if row is not None else None


def device_of(info: Mapping[str, Any]) -> str | None:
    """The device whose memory is read, such as "CPU" or "GPU.0"; None when there are several."""
    devices = info.get("execution_devices") or [info.get("device")]
    # AUTO puts the device in brackets while it still compiles for another one.
    return str(devices[0]).strip("()") if len(devices) == 1 and devices[0] else None


def _is_alone(rows: pandas.DataFrame) -> pandas.Series[bool]:
    """Requests beside which no other ran, one token a step: several sequences would share one reading of the weights."""
    tokens_per_step = rows["decode_tokens_per_second"] * rows["tpot_seconds"]
    is_told = rows["prompt_tokens"].notna()
    return (rows["concurrent_requests"] == 1) & (tokens_per_step < MOST_TOKENS_PER_STEP) & is_told


def _words(fraction: float, cache_share: float, concurrent: int, device: str) -> str:
    """What the fraction means, and what to try."""
    more = "more threads" if device.startswith("CPU") else "more computing power"
    fewer = (
        "a KV cache of a smaller precision or a shorter context"
        if cache_share > 0.5
        else "a smaller precision of the weights or a smaller model"
    )
    percent = f"{fraction * 100:.0f}% of the memory roof"
    if fraction > 1.0:
        words = (
            f"{percent}: more was read than the memory gave when it was measured. Part of it came from the processor's "
            "caches, or something else was running during the measurement; measure the bandwidth again."
        )
    elif fraction > HIGH:
        words = f"{percent}: {more} won't help; {fewer} will."
    elif fraction >= LOW:
        words = f"{percent}: memory and computing both count. {more.capitalize()} may help, and so may {fewer}."
    else:
        words = (
            f"{percent}: memory is not what limits it. Look at {'threads, ' if device.startswith('CPU') else ''}other "
            f"programs and the time between tokens; {fewer} alone will change little."
        )
    if concurrent > 1:
        words += f" The weights are read once for all {concurrent} requests that run at once."
    return words


def _no_traffic(info: Mapping[str, Any]) -> str:
    if len(info.get("execution_devices") or ()) > 1:
        return SEVERAL_DEVICES
    if "traffic" in info:
        return (
            "What a token reads from memory is not known for this model. It is for OpenVINO models all of whose weights are "
            "read; not for mixtures of experts, and not for files that are converted while they are loaded."
        )
    return "What a token reads from memory was not noted when this configuration was loaded. Load the model again."


def _no_bandwidth(info: Mapping[str, Any]) -> str:
    device = device_of(info)
    if device is None:
        return SEVERAL_DEVICES
    return f"The memory bandwidth of {device} was not measured yet. Measure it: it takes a few seconds, while no request runs."
