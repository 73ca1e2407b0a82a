"""How fast a device reads its memory: the product of a large constant matrix and a vector, run by OpenVINO.

It is what decoding does, so it reads the way decoding reads, on every device there is. It runs in a process of its own,
`python -m openarc_ui.engine.bandwidth DEVICE`: half a gigabyte goes away with it, and a plugin that crashes takes nothing along.

Runs are put together to stretches long enough to be timed well. Other programs make some slower and now and then one faster
than it was, so neither their mean nor the fastest of them counts but the median of the fastest quarter.
"""

from __future__ import annotations

import json
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

import openarc_ui
from openarc_ui.engine.devices import DeviceLayer, OpenVinoLayer, clean_message
from openarc_ui.engine.memory.formulas import words
from openarc_ui.engine.memory.room import device_room, system_room
from openarc_ui.engine.types import Bandwidth
from openarc_ui.errors import DeviceUnavailable
from openarc_ui.privacy import forbid_telemetry

MATRIX_BYTES = 2**29
"""Sixteen times a last cache of 32 MB, and 50 ms of a memory that reads 10 GB/s."""
LARGEST_MATRIX_BYTES = 2**32
CACHE_TIMES = 4
"""The matrix is at least that many times what a processor's last caches hold together: hardly any of it stays there."""
CACHES = Path("/sys/devices/system/cpu")
SMALLEST_MATRIX_BYTES = 2**26
COPIES = 6
"""The matrix is held that often while it is made, compiled and run."""
COLUMNS = 16384
RUN_SECONDS = 3.0
LEAST_RUNS = 5
STRETCH_SECONDS = 0.1
FASTEST_SHARE = 0.25
DISTURBED_SHARE = 0.2
"""The typical stretch is slower than the fast ones by more than this, or others took such a share of the processor."""
LIMIT_SECONDS = 60.0


def measure(device: str) -> Bandwidth:
    """Measure a real device in a process of its own; takes about four seconds.

    Raises:
        DeviceUnavailable: it could not be measured, with the reason.
    """
    environment = {**os.environ, "PYTHONPATH": str(Path(openarc_ui.__file__).parent.parent)}
    command = [sys.executable, "-m", "openarc_ui.engine.bandwidth", device]
    hint = "Try again when the machine is idle."
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=LIMIT_SECONDS)
    except subprocess.TimeoutExpired as error:
        sentence = f"{device} did not tell its bandwidth within {LIMIT_SECONDS:.0f} seconds."
        raise DeviceUnavailable(sentence, hint) from error
    lines = done.stdout.splitlines()
    if done.returncode != 0 or not lines:
        last = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        raise DeviceUnavailable(f"Measuring {device} failed: {last[0][:300]}.", hint)
    told: dict[str, Any] = json.loads(lines[-1])
    if "problem" in told:
        raise DeviceUnavailable(f"{device} can't be measured: {told['problem']}", hint)
    return Bandwidth(device, told["device_name"], told["bytes_per_second"], time.time(), told["method"])


def last_cache_bytes(caches: Path = CACHES) -> int:
    """What the last caches of this machine's processors hold together; 0 where the system does not tell."""
    found: dict[str, tuple[int, int]] = {}
    for index in caches.glob("cpu[0-9]*/cache/index[0-9]*"):
        try:
            told = {name: (index / name).read_text().strip() for name in ("level", "size", "shared_cpu_list")}
            level, size = int(told["level"]), int(told["size"].removesuffix("K")) * 1024
        except (OSError, ValueError):
            continue
        found[f"{level} {told['shared_cpu_list']}"] = level, size
    last = max((level for level, _ in found.values()), default=0)
    return sum(size for level, size in found.values() if level == last)


def matrix_bytes(free_bytes: int | None, cache_bytes: int = 0) -> int:
    """How large the matrix may be: half a gigabyte, more for a large cache, less where memory is short.

    Raises:
        DeviceUnavailable: not even the smallest has room.
    """
    enough = 1 << (max(CACHE_TIMES * cache_bytes, 1) - 1).bit_length()
    size = min(max(MATRIX_BYTES, enough), LARGEST_MATRIX_BYTES)
    while free_bytes is not None and size * COPIES > free_bytes:
        size //= 2
    if size < SMALLEST_MATRIX_BYTES:
        raise DeviceUnavailable("there is too little free memory.", "Unload a model first.")
    return size


def fast_rate(rates: Sequence[float]) -> float:
    """The median of the fastest quarter."""
    fastest = sorted(rates, reverse=True)[: math.ceil(len(rates) * FASTEST_SHARE)]
    return statistics.median(fastest)


def stretches(seconds: Sequence[float], size: int) -> list[float]:
    """Bytes a second of runs put together until they are long enough; what is left at the end counts to the last."""
    rates: list[float] = []
    part: list[float] = []
    for number, each in enumerate(seconds, start=1):
        part.append(each)
        is_enough = sum(part) >= STRETCH_SECONDS and sum(seconds[number:]) >= STRETCH_SECONDS
        if is_enough or number == len(seconds):
            rates.append(size * len(part) / sum(part))
            part = []
    return rates


def run(device: str, layer: DeviceLayer) -> dict[str, Any]:
    """Measure here, in this process.

    A processor is given f32, which it takes as it is; a GPU or NPU f16, their own type. The matrix is random, so that no
    compression of memory on a GPU makes it look faster.

    Raises:
        DeviceUnavailable, RuntimeError: it can't be measured.
    """
    import numpy
    import openvino
    from openvino import opset13

    rooms = [system_room(), device_room(layer, device)]
    cache_bytes = last_cache_bytes() if device.startswith("CPU") else 0
    size = min(matrix_bytes(room.free_bytes, cache_bytes) for room in rooms)
    numbers: Any = numpy.float32 if device.startswith("CPU") else numpy.float16
    item = numpy.dtype(numbers).itemsize
    rows = size // item // COLUMNS
    some = numpy.random.default_rng(0).standard_normal((64, COLUMNS)).astype(numbers)
    vector = opset13.parameter([1, COLUMNS], numbers)
    matrix = opset13.constant(numpy.tile(some, (rows // 64, 1)))
    model = openvino.Model([opset13.matmul(vector, matrix, False, True)], [vector], "bandwidth")
    precision = {"INFERENCE_PRECISION_HINT": "f32"} if device.startswith("CPU") else {}
    request = openvino.Core().compile_model(model, device, precision).create_infer_request()
    request.set_input_tensor(openvino.Tensor(numpy.ones((1, COLUMNS), numbers)))
    seconds: list[float] = []
    request.infer()
    before = processor_seconds()
    while len(seconds) < LEAST_RUNS or sum(seconds) < RUN_SECONDS:
        began_at = time.perf_counter()
        request.infer()
        seconds.append(time.perf_counter() - began_at)
    after = processor_seconds()
    others = (after[0] - before[0]) / max(after[1] - before[1], 1e-9)
    rates = stretches(seconds, size)
    name = str(layer.get_property(device, "FULL_DEVICE_NAME"))
    method = _method(f"{words(size)} in f{8 * item}", len(seconds), rates)
    method += disturbance(rates, others)
    if size < CACHE_TIMES * cache_bytes:
        method += "; memory was too short for a matrix much larger than the caches, which may make it look faster"
    return {"device_name": name, "bytes_per_second": fast_rate(rates), "method": f"{method}."}


def _method(matrix: str, runs: int, rates: Sequence[float]) -> str:
    return (
        f"A vector times a constant matrix of {matrix}, {runs} times; the median of the fastest quarter of "
        f"{len(rates)} stretches counts"
    )


def disturbance(rates: Sequence[float], others: float) -> str:
    """What speaks against the figure, as the end of a sentence; "" where nothing does.

    Args:
        rates: of the stretches.
        others: the share of the processor that other programs used meanwhile.
    """
    slower = 1 - statistics.median(rates) / fast_rate(rates)
    reasons = []
    if slower > DISTURBED_SHARE:
        reasons.append(f"half of the stretches were at least {100 * slower:.0f}% slower")
    if others > DISTURBED_SHARE:
        reasons.append(f"other programs used {100 * others:.0f}% of the processor")
    return f"; disturbed, so measure again when the machine is idle: {', and '.join(reasons)}" if reasons else ""


def processor_seconds() -> tuple[float, float]:
    """Of all cores: seconds that programs other than this one used or the host took away, and seconds in all."""
    times = psutil.cpu_times()._asdict()
    idle = times["idle"] + times.get("iowait", 0.0)
    guests = times.get("guest", 0.0) + times.get("guest_nice", 0.0)
    total = sum(times.values()) - guests  # which are in the users' too
    return total - idle - time.process_time(), total


def main() -> int:
    """Entry of the process: one line of JSON, the result or a "problem"."""
    forbid_telemetry()
    try:
        told = run(sys.argv[1], OpenVinoLayer())
    except (RuntimeError, MemoryError) as error:
        told = {"problem": clean_message(error)}
    except DeviceUnavailable as error:
        told = {"problem": f"{error.message} {error.hint}".strip()}
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()
    return 0


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)
