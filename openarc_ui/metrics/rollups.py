"""What is added up while rows are written: sums of five minutes, an hour and six, kept right by triggers, and the stages of a request in SQL.

Sums and counts over any span come from these; rows are read only at its edges. Knows SQL text, no connection.
"""

from __future__ import annotations

from openarc_ui.metrics.definitions import FIGURES, STAGES

PERIOD_SECONDS = 300
TABLES = {"six_hourly_rollups": 21_600, "hourly_rollups": 3600, "rollups": PERIOD_SECONDS}
"""Table of the sums of requests -> the seconds a row of it stands for; all are the same but for that, longest first.
A month is 170,000 rows of five minutes, 25,000 of an hour, 4,000 of six hours, and is asked for at every refresh."""
KEYS = ("model", "backend", "device", "configuration_id", "source", "finish_reason")
"""With the period they name a row of `rollups`."""
COUNTS = ("requests", "prompt_tokens", "cached_prompt_tokens", "told_prompt_tokens", "generated_tokens")
GAP_SUMS = ("gaps", "gaps_seconds_sum")
"""How many inter-token latencies, and their sum: those of a request add up to its `decode_seconds`."""
FIGURE_SUMS = tuple(f"{figure.name}_{kind}" for figure in FIGURES for kind in ("sum", "count"))
STAGE_SUMS = tuple(f"{stage.name}_seconds_sum" for stage in STAGES)
ROLLUP_SUMS = tuple(dict.fromkeys((*COUNTS, *GAP_SUMS, *FIGURE_SUMS, *STAGE_SUMS)))
"""Every column of `rollups` that is added up, in its order. The queue is a figure and a stage: one column is both."""
PLAIN_STAGES = {
    "queue": "queue_seconds",
    "template": "template_seconds",
    "tokenize": "tokenize_seconds",
    "prefill": "prefill_seconds",
    "inference": "decode_inference_seconds",
    "sampling": "decode_sampling_seconds",
    "detokenize": "detokenize_seconds",
    "stream": "stream_seconds",
}
"""Stage -> the column that is the stage, where it was measured."""


def stage_sql(row: str = "") -> dict[str, str]:
    """Stage -> SQL expression of its seconds, never NULL, never below zero where the columns are not; they add up to the total.

    Args:
        row: what stands before each column: "" in a query, "NEW." in a trigger.
    """
    known = {stage: f"coalesce({row}{column}, 0.0)" for stage, column in PLAIN_STAGES.items()}
    whole = f"coalesce({row}decode_seconds, 0.0) - {known['detokenize']} - {known['stream']}"
    known["decode"] = f"CASE WHEN {row}decode_inference_seconds IS NULL THEN max(0.0, {whole}) ELSE 0.0 END"
    known["other"] = f"max(0.0, {row}total_seconds - ({' + '.join(known.values())}))"
    return {stage.name: known[stage.name] for stage in STAGES}


STAGE_SQL: dict[str, str] = stage_sql()
"""Over the columns of `requests`; the only place that says which seconds belong to which stage."""


def period_sql(moment: str, seconds: int = PERIOD_SECONDS) -> str:
    """The period that a moment in seconds since the epoch lies in."""
    return f"CAST({moment} / {seconds} AS INTEGER)"


def contributions(row: str = "") -> dict[str, str]:
    """Column of `rollups` -> what one row of `requests` adds to it. A prompt that was never read is no tokens."""
    read = f"coalesce({row}prompt_tokens * ({row}prefill_seconds IS NOT NULL), 0)"
    added = {
        "requests": "1",
        "prompt_tokens": read,
        "cached_prompt_tokens": f"coalesce({row}cached_prompt_tokens * ({row}prefill_seconds IS NOT NULL), 0)",
        "told_prompt_tokens": f"CASE WHEN {row}cached_prompt_tokens IS NULL THEN 0 ELSE {read} END",
        "generated_tokens": f"{row}generated_tokens",
        "gaps": f"length({row}inter_token_latencies_seconds) / 4",
        "gaps_seconds_sum": f"CASE WHEN length({row}inter_token_latencies_seconds) > 0"
        f" THEN coalesce({row}decode_seconds, 0.0) ELSE 0.0 END",
    }
    for figure in FIGURES:
        added[f"{figure.name}_sum"] = f"coalesce({row}{figure.name}, 0.0)"
        added[f"{figure.name}_count"] = f"({row}{figure.name} IS NOT NULL)"
    for stage, seconds in stage_sql(row).items():
        added[f"{stage}_seconds_sum"] = seconds
    return {column: added[column] for column in ROLLUP_SUMS}


def _kind(column: str) -> str:
    return "INTEGER" if column in (*COUNTS, "gaps") or column.endswith("_count") else "REAL"


def _requests_by_period() -> tuple[str, ...]:
    """The tables, and one trigger for each kind of change that keeps them right."""
    added, removed = (" ".join(change(*table) for table in TABLES.items()) for change in (_added, _removed))
    return (
        *(statement for table in TABLES.items() for statement in _table(*table)),
        f"CREATE TRIGGER requests_added AFTER INSERT ON requests BEGIN {added} END",
        f"""CREATE TRIGGER requests_deleted AFTER DELETE ON requests BEGIN {removed}
            DELETE FROM details WHERE id = OLD.id;
        END""",
    )


def _table(table: str, seconds: int) -> tuple[str, str]:
    keys, sums, period = ", ".join(KEYS), contributions(), period_sql("submitted_at", seconds)
    return (
        f"""CREATE TABLE {table} (
            period INTEGER NOT NULL, {", ".join(f"{column} TEXT NOT NULL" for column in KEYS)},
            {", ".join(f"{column} {_kind(column)} NOT NULL" for column in sums)},
            PRIMARY KEY (period, {keys})) WITHOUT ROWID""",
        f"""INSERT INTO {table} (period, {keys}, {", ".join(sums)})
            SELECT {period}, {keys}, {", ".join(f"sum({added})" for added in sums.values())}
            FROM requests GROUP BY {period}, {keys}""",
    )


def _added(table: str, seconds: int) -> str:
    sums = contributions("NEW.")
    return f"""INSERT INTO {table} (period, {", ".join(KEYS)}, {", ".join(sums)})
        VALUES ({period_sql("NEW.submitted_at", seconds)}, {", ".join(f"NEW.{column}" for column in KEYS)}, {", ".join(sums.values())})
        ON CONFLICT DO UPDATE SET {", ".join(f"{column} = {column} + excluded.{column}" for column in sums)};"""


def _removed(table: str, seconds: int) -> str:
    sums = contributions("OLD.")
    same = " AND ".join(
        [f"period = {period_sql('OLD.submitted_at', seconds)}", *(f"{column} = OLD.{column}" for column in KEYS)]
    )
    return f"""UPDATE {table} SET {", ".join(f"{column} = {column} - {removed}" for column, removed in sums.items())} WHERE {same};
        DELETE FROM {table} WHERE {same} AND requests <= 0;"""


SAMPLE_SUMS = {
    "memory_bytes_max": "max",
    "available_memory_bytes_min": "min",
    "device_memory_bytes_max": "max",
    "kv_cache_percent_max": "max",
    "kv_cache_bytes_max": "max",
}
"""Column of `sample_rollups` -> which of the samples' values it keeps; NULL while none has one."""


def _samples_by_period() -> tuple[str, ...]:
    columns = f"period, worker, samples, processor_percent_sum, {', '.join(SAMPLE_SUMS)}"
    measured = [column.rpartition("_")[0] for column in SAMPLE_SUMS]
    extremes = ", ".join(
        f"{column} = {extreme}(coalesce({column}, excluded.{column}), coalesce(excluded.{column}, {column}))"
        for column, extreme in SAMPLE_SUMS.items()
    )
    kinds = ", ".join(f"{column} {'REAL' if 'percent' in column else 'INTEGER'}" for column in SAMPLE_SUMS)
    old = ", ".join(f"{extreme}({name})" for name, extreme in zip(measured, SAMPLE_SUMS.values(), strict=True))
    period = period_sql("sampled_at")
    return (
        f"""CREATE TABLE sample_rollups (
            period INTEGER NOT NULL, worker TEXT NOT NULL, samples INTEGER NOT NULL, processor_percent_sum REAL NOT NULL,
            {kinds}, PRIMARY KEY (period, worker)) WITHOUT ROWID""",
        f"""INSERT INTO sample_rollups ({columns})
            SELECT {period}, coalesce(worker, ''), count(*), total(processor_percent), {old}
            FROM samples GROUP BY {period}, coalesce(worker, '')""",
        f"""CREATE TRIGGER samples_added AFTER INSERT ON samples BEGIN
            INSERT INTO sample_rollups ({columns})
            VALUES ({period_sql("NEW.sampled_at")}, coalesce(NEW.worker, ''), 1, coalesce(NEW.processor_percent, 0.0),
                {", ".join(f"NEW.{name}" for name in measured)})
            ON CONFLICT DO UPDATE SET samples = samples + 1,
                processor_percent_sum = processor_percent_sum + excluded.processor_percent_sum, {extremes};
        END""",
    )


def _power_by_period() -> tuple[str, ...]:
    return (
        """CREATE TABLE power_rollups (
            period INTEGER NOT NULL, source TEXT NOT NULL, samples INTEGER NOT NULL, watts_sum REAL NOT NULL,
            PRIMARY KEY (period, source)) WITHOUT ROWID""",
        f"""CREATE TRIGGER power_added AFTER INSERT ON power BEGIN
            INSERT INTO power_rollups (period, source, samples, watts_sum)
            VALUES ({period_sql("NEW.sampled_at")}, NEW.source, 1, NEW.watts)
            ON CONFLICT DO UPDATE SET samples = samples + 1, watts_sum = watts_sum + excluded.watts_sum;
        END""",
    )


def statements() -> tuple[str, ...]:
    """The tables of sums, filled from the rows there are, and the triggers that keep them right from then on."""
    return (*_requests_by_period(), *_samples_by_period(), *_power_by_period())
