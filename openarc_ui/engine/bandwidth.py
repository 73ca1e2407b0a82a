"""How fast a device reads its memory: the product of a large constant matrix and a vector, run by OpenVINO.

It is what decoding does, so it reads the way decoding reads, on every device there is. It runs in a process of its own,
`python -m openarc_ui.engine.bandwidth DEVICE`: half a gigabyte goes away with it, and a plugin that crashes takes nothing along.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import openarc_ui
from openarc_ui.engine.devices import DeviceLayer, OpenVinoLayer, clean_message
from openarc_ui.engine.memory.formulas import words
from openarc_ui.engine.memory.room import device_room, system_room
from openarc_ui.engine.types import Bandwidth
from openarc_ui.errors import DeviceUnavailable
from openarc_ui.privacy import forbid_telemetry

MATRIX_BYTES = 2**29
"""Sixteen times a last cache of 32 MB, and 50 ms of a memory that reads 10 GB/s."""
SMALLEST_MATRIX_BYTES = 2**26
COPIES = 6
"""The matrix is held that often while it is made, compiled and run."""
COLUMNS = 16384
RUN_SECONDS = 2.0
LEAST_RUNS = 5
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


def matrix_bytes(free_bytes: int | None) -> int:
    """How large the matrix may be: half a gigabyte, less where memory is short.

    Raises:
        DeviceUnavailable: not even the smallest has room.
    """
    size = MATRIX_BYTES
    while free_bytes is not None and size * COPIES > free_bytes:
        size //= 2
    if size < SMALLEST_MATRIX_BYTES:
        raise DeviceUnavailable("there is too little free memory.", "Unload a model first.")
    return size


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
    size = min(matrix_bytes(room.free_bytes) for room in rooms)
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
    while len(seconds) < LEAST_RUNS or sum(seconds) < RUN_SECONDS:
        began_at = time.perf_counter()
        request.infer()
        seconds.append(time.perf_counter() - began_at)
    method = (
        f"A vector times a constant matrix of {words(size)} in f{8 * item}, {len(seconds)} times; the fastest counts."
    )
    name = str(layer.get_property(device, "FULL_DEVICE_NAME"))
    return {"device_name": name, "bytes_per_second": size / min(seconds), "method": method}


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
