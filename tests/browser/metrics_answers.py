"""Made-up answers of the server's functions for the Metrics view, as large as real ones."""

from __future__ import annotations

import math
from typing import Any

Json = dict[str, Any]
START = 1_795_600_000
MINUTE = 60
COLOURS = ("#0072B2", "#E69F00")
MODELS = ("smollm2-135m", "qwen3-0.6b")


def moment(minutes: float) -> str:
    """A point on the time axis, as plotly writes dates."""
    hour, minute = divmod(int(minutes), 60)
    return f"2026-11-26T{hour % 24:02d}:{minute:02d}:{int(minutes * 60) % 60:02d}"


def timeline(points: int = 60) -> Json:
    """Three stacked plots on one time axis, two models each."""
    data: list[Json] = []
    for row, (name, level) in enumerate((("decode", 60.0), ("ttft", 300.0), ("cpu", 70.0))):
        for number, model in enumerate(MODELS):
            y = [level * (1 + 0.2 * math.sin(each / 5 + number * 2 + row)) for each in range(points)]
            axis = "" if row == 0 else str(row + 1)
            line = {"color": COLOURS[number], "width": 2, "dash": ("solid", "dash")[number]}
            data.append(
                {"uid": f"{name}:{model}", "type": "scatter", "mode": "lines", "name": model, "line": line}
                | {"x": [moment(each) for each in range(points)], "y": y, "customdata": [3] * points}
                | {"xaxis": "x", "yaxis": f"y{axis}", "showlegend": row == 0}
            )
    titles = [
        {"text": text, "x": 0, "y": y, "xref": "paper", "yref": "paper", "showarrow": False}
        | {"xanchor": "left", "yanchor": "bottom"}
        for text, y in (("Decode, tok/s", 1.0), ("TTFT, ms", 0.64), ("CPU, %", 0.28))
    ]
    layout: Json = {"height": 380, "margin": {"l": 62, "r": 16, "t": 30, "b": 46}, "annotations": titles}
    layout |= {"hovermode": "x unified", "legend": {"orientation": "h", "y": -0.12, "x": 0}}
    layout |= {f"yaxis{n or ''}": {"domain": d, "rangemode": "tozero"} for n, d in ((0, [0.72, 1]), (2, [0.36, 0.64]))}
    layout |= {"yaxis3": {"domain": [0, 0.28], "rangemode": "tozero"}, "xaxis": {"anchor": "y3", "type": "date"}}
    return {"data": data, "layout": layout}


def simple(kind: str, x: list[Any], y: list[Any], x_title: str, y_title: str, **more: Any) -> Json:
    """A figure with one trace."""
    trace: Json = {"uid": "a", "type": kind, "x": x, "y": y, **more}
    trace["marker"] = {"color": COLOURS[0]}
    axes = {"xaxis": {"title": {"text": x_title}}, "yaxis": {"title": {"text": y_title}, "rangemode": "tozero"}}
    return {
        "data": [trace],
        "layout": {"height": 300, "margin": {"l": 62, "r": 16, "t": 30, "b": 46}, "template": {}, **axes},
    }


def figures() -> Json:
    """All seven; one has nothing to show."""
    bell = [round(40 * math.exp(-(((each - 15) / 6) ** 2)), 1) for each in range(40)]
    steps = list(range(40))
    return {
        "timeline": timeline(),
        "ttft": simple("bar", [200 + 10 * each for each in steps], bell, "milliseconds", "requests"),
        "decode": simple("bar", [40 + each for each in steps], bell, "tok/s", "requests"),
        "itl": simple("bar", [10 + each / 4 for each in steps], bell, "milliseconds", "gaps"),
        "prompt_length": simple(
            "scatter",
            [20 * each for each in steps],
            [200 + 9 * each + each % 7 * 12 for each in steps],
            "prompt tokens",
            "milliseconds",
            mode="markers",
        ),
        "concurrency": {"data": [], "layout": {"height": 300, "meta": {"empty": "All requests ran alone so far."}}},
        "stages": simple(
            "bar",
            [12, 2, 1, 280, 600],
            ["Queue", "Template", "Tokenize", "Prefill", "Decode"],
            "ms",
            "",
            orientation="h",
        ),
    }


def tile(identifier: str, label: str, value: str, unit: str, *rows: list[str], note: str = "") -> Json:
    title = f"{label}: first token - submitted"
    return {"id": identifier, "label": label, "title": title, "value": value, "unit": unit, "rows": rows, "note": note}


def tiles(ttft: str = "312") -> list[Json]:
    sampled = "from 10\u202f000 of 1\u202f000\u202f000 requests"
    return [
        tile("ttft_seconds", "TTFT", ttft, "ms", ["p90", "420 ms"], ["p99", "690 ms"], note=sampled),
        tile("tpot_seconds", "TPOT", "14.2", "ms", ["p90", "16.0 ms"], ["p99", "21.4 ms"]),
        tile("inter_token_latencies_seconds", "ITL", "13.9", "ms", ["p90", "15.1 ms"], ["p99", "33.0 ms"]),
        tile(
            "prefill_tokens_per_second", "Prefill", "1\u202f204", "tok/s", ["p90", "1\u202f377"], ["p99", "1\u202f402"]
        ),
        tile("decode_tokens_per_second", "Decode", "70.1", "tok/s", ["p90", "74.0"], ["p99", "75.2"]),
        tile("queue_seconds", "Queue", "2", "ms", ["p90", "310 ms"], ["p99", "1\u202f204 ms"]),
        tile("total_seconds", "End to end", "2.21", "s", ["p90", "4.90 s"], ["p99", "9.03 s"]),
        tile("requests", "Requests", "1\u202f204", "", ["at once", "1.4"]),
        tile("errors", "Errors", "3", "", ["cancelled", "12"], note="0.2% of the requests"),
        tile("tokens", "Tokens", "214\u202f007", "", ["prompt", "98\u202f112"], ["generated", "115\u202f895"]),
        tile("prefix_cache", "Prefix cache", "41", "%", ["tokens", "40\u202f101"]),
    ]


def row(number: int, **more: Any) -> Json:
    """One request of the table; a higher number is an older one."""
    usual: Json = {"id": 1000 - number, "request_id": f"req-{number}", "time": f"14:{59 - number % 60:02d}:07"}
    usual |= {"epoch": START - number * MINUTE, "model": MODELS[number % 2], "backend": "genai-cb", "device": "CPU"}
    usual |= {"outcome": "stop", "outcome_kind": "", "prompt": str(100 + number), "generated": "128", "queue": "2 ms"}
    usual |= {"ttft": f"{300 + number} ms", "decode": "70.1 tok/s", "total": "2.13 s", "source": "chat"}
    return usual | {"configuration": "3f9a"} | more


def rows(count: int = 24) -> list[Json]:
    special = {
        3: {"outcome": "error", "outcome_kind": "bad", "decode": "–"},
        6: {"outcome": "cancelled", "outcome_kind": "warn"},
    }
    return [row(number, **special.get(number, {})) for number in range(count)]


def roofs() -> list[Json]:
    known: Json = {
        "title": "smollm2-135m on CPU (u4, 8 threads)",
        "fraction": 0.68,
        "device": "CPU",
        "can_measure": True,
    }
    known |= {"value": "12.9 GB/s of 19.1 GB/s", "missing": None}
    known["words"] = "68% of the memory roof: more threads won’t help; a smaller precision will."
    unknown: Json = {
        "title": "qwen3-0.6b on GPU.0",
        "fraction": None,
        "value": "9.2 GB/s",
        "words": "",
        "device": "GPU.0",
    }
    return [
        known,
        unknown | {"missing": "The bandwidth of GPU.0 was not measured yet. Measure it.", "can_measure": True},
    ]


def options() -> Json:
    def as_options(*values: str) -> list[Json]:
        return [{"value": value, "label": value} for value in values]

    many = [{"value": f"conf{n}", "label": f"conf{n} · CPU genai-cb · NUM_STREAMS={n}"} for n in range(9)]
    return {
        "model": as_options(*MODELS),
        "backend": as_options("genai-cb", "optimum"),
        "device": as_options("CPU", "GPU.0"),
    } | {
        "configuration": many,
        "outcome": as_options("stop", "length", "error", "cancelled"),
        "source": as_options("chat", "rest", "again"),
    }


def everything(**more: Any) -> Json:
    """The first answer of `metrics`."""
    kept = {"texts": False, "size": "12 MB", "requests": 1204, "oldest": "3 Nov 2026"}
    whole: Json = {
        "seen": {"revision": 1},
        "empty": None,
        "health": [],
        "kept": kept,
        "options": options(),
        "tiles": tiles(),
    }
    return whole | {"roofs": roofs(), "figures": figures(), "requests": rows()} | more


def request(identifier: str = "req-0", **more: Any) -> Json:
    """The answer of `metrics_request`."""
    parts = {"Queue": 2.1, "Template": 0.4, "Tokenize": 0.9, "Prefill": 305.0, "Decode inference": 1610.0}
    parts |= {"Sampling": 44.0, "Detokenize": 12.0, "Stream": 30.0, "Other": 18.0}
    total = sum(parts.values())
    stages = [
        {"label": label, "meaning": f"what {label} is", "milliseconds": ms, "share": ms / total}
        for label, ms in parts.items()
    ]
    steps = list(range(1, 128))
    trace = simple("scatter", steps, [14 + each % 9 / 3 for each in steps], "token", "ms", mode="lines")
    known: Json = {"title": f"{identifier} · smollm2-135m", "stages": stages, "figure": trace, "error": None}
    known["summary"] = [["Outcome", "stop"], ["Prompt", "118 tokens"], ["Generated", "128 tokens"], ["TTFT", "308 ms"]]
    known["summary"] += [["Decode", "70.1 tok/s"], ["End to end", "2.13 s"], ["Seed", "1234567"], ["Source", "chat"]]
    known |= {"settings": '{\n  "max_new_tokens": 128,\n  "sampling": {"temperature": 0.7},\n  "seed": 1234567\n}'}
    known["configuration"] = {"summary": [["Device", "CPU"], ["Backend", "genai-cb"]], "json": '{"device": "CPU"}'}
    known |= {"messages": None, "answers": None, "curl": f"curl http://127.0.0.1:7860/generate/text # {identifier}"}
    known["texts_note"] = "Prompts and answers are not kept. OPENARC_KEEP_TEXTS=1 keeps them."
    return {"request": known | more}


def comparison() -> Json:
    """The answer of `metrics_compare`."""

    def difference(label: str, unit: str, a: str, b: str, verdict: str, by: str, interval: str) -> Json:
        words = f"{label} of B is {verdict}." if verdict != "too few" else "Fewer than 5 requests on a side."
        return {"label": label, "unit": unit, "a": a, "b": b, "difference": by, "interval": interval} | {
            "verdict": verdict,
            "words": words,
            "title": label,
        }

    found = [
        difference("Decode", "tok/s", "70.1", "78.7", "better", "+12.3%", "+9.1% to +15.0%"),
        difference("TTFT", "ms", "312", "362", "worse", "+16.0%", "+11.0% to +22.4%"),
        difference("TPOT", "ms", "14.2", "14.1", "no real difference", "-0.7%", "-3.0% to +1.9%"),
        difference("Queue", "ms", "2", "–", "too few", "–", "–"),
    ]
    sides = {"a": {"label": "last hour", "requests": 1204}, "b": {"label": "qwen3-0.6b, last hour", "requests": 1}}
    return {**sides, "rows": found, "figure": simple("bar", [1], [2], "percent", "")}


def answers(**more: Any) -> Json:
    """What a server in good order answers: everything once, then that nothing changed."""
    again = {"request_id": "req-new", "words": "It ran in 2.1 s.", "answer": "The sky scatters blue."}
    usual: Json = {"metrics": [everything()], "metrics_request": request(), "metrics_compare": comparison()}
    return usual | {"metrics_again": again, "metrics_bandwidth": {"words": "19.1 GB/s on CPU."}} | more
