"""The converting process: unpack a GGUF, run Optimum's own export command, look at the result. Told what to do by one JSON line.

`optimum-cli`'s entry is called with exactly the words that the page shows. What it is doing is told from outside, by announcing
its steps as they begin; where another version has no such step, only the announcement is missing.
"""

from __future__ import annotations

import json
import logging
import sys
import time
import warnings
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from openarc_ui.engine.types import LoadStage
from openarc_ui.models.childhood import claim_stdout, end_with_parent
from openarc_ui.models.conversion.library_notes import LibraryNotes
from openarc_ui.models.conversion.order import COMPRESSING, TRACING, ConversionOrder
from openarc_ui.models.conversion.own_texts import calibrated_by
from openarc_ui.models.conversion.supported import OWN_CODE, OWN_CODE_HINT
from openarc_ui.models.progress import Failed, JsonReporter, Prepared, Reporter
from openarc_ui.privacy import forbid_telemetry

logger = logging.getLogger(__name__)

UNPACKING = (0.0, 0.3)
EXPORTING = (0.3, 0.95)
STEPS = (
    ("optimum.exporters.openvino.__main__", "main_export", "Reading the checkpoint", 0.3),
    ("optimum.exporters.openvino.convert", "export_from_model", TRACING, 0.4),
    ("optimum.exporters.openvino.__main__", "maybe_convert_tokenizers", "Converting the tokenizer", 0.6),
    ("optimum.exporters.openvino.__main__", "_main_quantize", COMPRESSING, 0.65),
    ("optimum.exporters.openvino.__main__", "_merge_move", "Writing the result", 0.93),
)
"""Module, function, what it does in words, share of the whole that is done when it begins."""
SAMPLES = (
    "The quick brown fox, doesn't it? 1234567 + 5.",
    "naïve café, Straße 👩‍👩‍👧",
    "日本語と中文 हिन्दी العربية",
    "def f(x):\n\treturn x  # ok\n\n",
    "   spaces  ",
)
COMPRESSED = 0.93
TRACING_NOISE = ("Converting a tensor to a Python", "torch.tensor results are registered as constants")
"""What PyTorch warns of at every trace of every model."""
CHECKING = 0.95


class Refused(ValueError):
    """It is not tried, with what to do instead."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


class Stages:
    """Tells each stage as it begins, and how long the one before took."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._label, self._began_at, self._fraction = "", time.perf_counter(), 0.0

    def begin(self, label: str, fraction: float, detail: str = "") -> None:
        """A stage, or news of the same one."""
        if label != self._label:
            self._log()
            self._label, self._began_at = label, time.perf_counter()
        self._fraction = max(self._fraction, fraction)
        self._reporter.send(LoadStage(label, self._fraction, detail))

    def within(self, detail: str, share: float, end: float) -> None:
        """How far the present stage is, which ends at `end` of the whole."""
        begin = min(self._fraction, end)
        self._reporter.send(LoadStage(self._label, begin + (end - begin) * share, detail))

    def end(self) -> None:
        """The last one is over."""
        self._log()
        self._label = ""

    def _log(self) -> None:
        if self._label:
            sys.stderr.write(f"{self._label}: {time.perf_counter() - self._began_at:.1f} s\n")
            sys.stderr.flush()


def convert(order: ConversionOrder, stages: Stages) -> tuple[str, ...]:
    """All of it; what one has to know of the result, in sentences.

    Raises:
        ValueError: what is wrong with the source, the options or the result.
    """
    if order.gguf:
        from openarc_ui.models.conversion.unpack import unpack

        begin, end = UNPACKING
        unpack(
            Path(order.gguf),
            Path(order.checkpoint),
            lambda label, share: stages.begin(label, begin + (end - begin) * share),
        )
    refuse_own_code(Path(order.checkpoint))
    stages.begin("Starting Optimum", EXPORTING[0])
    said = LibraryNotes()
    # Own texts are read now: the file may be another than when it was planned.
    with said.listening(), calibrated_by(Path(order.texts)) if order.texts else nullcontext():
        export(order.words, stages)
    stages.begin("Looking at the result", CHECKING)
    found = look_at_result(Path(order.checkpoint), Path(order.result), order.wants_tokenizer)
    stages.end()
    return (*said.notes, *found)


def refuse_own_code(checkpoint: Path) -> None:
    """A model that needs Python files of its own is not converted.

    Raises:
        Refused: it is one.
    """
    from transformers import CONFIG_MAPPING

    from openarc_ui.engine.backends.files import needs_own_code

    if needs_own_code(checkpoint, CONFIG_MAPPING):
        raise Refused(OWN_CODE, OWN_CODE_HINT)


def export(words: tuple[str, ...], stages: Stages) -> None:
    """`optimum-cli export openvino` with these words, in this process."""
    from importlib import import_module

    from optimum.commands.optimum_cli import main

    for module, name, label, fraction in STEPS:
        _announce(import_module(module), name, label, fraction, stages)
    _tell_compression(stages)
    sys.argv = ["optimum-cli", "export", "openvino", *words]
    try:
        main()
    except SystemExit as ended:
        if ended.code:
            raise ValueError("optimum-cli does not take these options") from ended


def _announce(module: Any, name: str, label: str, fraction: float, stages: Stages) -> None:
    step = getattr(module, name, None)
    if step is None:
        return

    def announced(*arguments: Any, **options: Any) -> Any:
        stages.begin(label, fraction)
        return step(*arguments, **options)

    setattr(module, name, announced)


def _tell_compression(stages: Stages) -> None:
    """NNCF shows its progress by rich, with a description and a share, which is passed on here.

    What is done in a tenth of a second is told by the last `update` alone.
    """
    from rich.progress import Progress

    for name in ("advance", "update"):
        setattr(Progress, name, _told_too(getattr(Progress, name), stages))


def _told_too(step: Any, stages: Stages) -> Any:
    def told(self: Any, task_id: Any, *arguments: Any, **options: Any) -> None:
        step(self, task_id, *arguments, **options)
        task = self._tasks.get(task_id)
        if task is not None and task.total and task.completed:
            share = min(1.0, task.completed / task.total)
            stages.within(f"{task.description.strip()} {share:.0%}", share, COMPRESSED)

    return told


def look_at_result(checkpoint: Path, result: Path, wants_tokenizer: bool) -> tuple[str, ...]:
    """Whether it is a whole model: it opens, and tokenizers and chat template are there; what is odd, in sentences.

    Raises:
        ValueError: what is missing.
    """
    import openvino
    import openvino_genai
    from transformers import AutoTokenizer

    model_xml = result / "openvino_model.xml"
    if not model_xml.is_file():
        raise ValueError("Optimum wrote no openvino_model.xml: it is no text model, or the task is wrong")
    openvino.Core().read_model(model_xml)
    if not (result / "config.json").is_file():
        raise ValueError("the result has no config.json")
    if not wants_tokenizer:
        return ()
    if not all((result / name).is_file() for name in ("openvino_tokenizer.xml", "openvino_detokenizer.xml")):
        raise ValueError("the tokenizer could not be converted to OpenVINO; the log says why")
    keep_template(checkpoint, result)
    tokenizer = AutoTokenizer.from_pretrained(str(result), local_files_only=True, trust_remote_code=False)
    return compare_tokenizers(openvino_genai.Tokenizer(str(result)), tokenizer)


def compare_tokenizers(openvino_tokenizer: Any, tokenizer: Any) -> tuple[str, ...]:
    """Where OpenVINO's tokenizer and the one it was made from give other token ids; a model runs all the same."""
    odd = []
    for sample in SAMPLES:
        ids = openvino_tokenizer.encode(sample, add_special_tokens=False).input_ids.data[0].tolist()
        if ids != tokenizer(sample, add_special_tokens=False).input_ids:
            odd.append(sample)
    if not odd:
        return ()
    return (
        f"Its two tokenizers, OpenVINO's for GenAI and Hugging Face's for Optimum, give other token ids for {len(odd)} of "
        f"{len(SAMPLES)} sample texts, such as {odd[0]!r}: the backends read different prompts.",
    )


def keep_template(checkpoint: Path, result: Path) -> None:
    """The chat template as the checkpoint has it, where Optimum did not write one.

    Raises:
        ValueError: the result has none although the source does.
    """
    for name in ("chat_template.jinja", "chat_template.json"):
        source = checkpoint / name
        if source.is_file() and not (result / name).is_file():
            (result / name).write_bytes(source.read_bytes())
    said = _template_in_configuration(checkpoint)
    has_one = _template_in_configuration(result) or any(result.glob("chat_template.*"))
    if said and not has_one:
        raise ValueError("the chat template was lost")


def _template_in_configuration(folder: Path) -> bool:
    path = folder / "tokenizer_config.json"
    return path.is_file() and bool(json.loads(path.read_text(encoding="utf-8")).get("chat_template"))


def main() -> int:
    """Entry of the process: the order on standard input, progress on standard output, the log on standard error."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    forbid_telemetry()
    for message in TRACING_NOISE:
        warnings.filterwarnings("ignore", message=message)
    told = json.loads(sys.stdin.readline())
    order = ConversionOrder(**{**told, "words": tuple(told["words"])})
    end_with_parent()
    reporter = JsonReporter(claim_stdout())
    try:
        notes = convert(order, Stages(reporter))
    except (ValueError, ImportError, OSError, RuntimeError, KeyError, TypeError, AttributeError, MemoryError) as error:
        logger.exception("the conversion failed")
        reporter.send(Failed(words_of_failure(error), error.hint if isinstance(error, Refused) else ""))
        return 1
    for note in notes:
        sys.stderr.write(f"Note: {note}\n")
    reporter.send(Prepared(order.result, notes))
    return 0


def words_of_failure(error: BaseException) -> str:
    """The reason in one sentence; of a foreign error with its kind, since its words alone may say little."""
    from openarc_ui.engine.devices import clean_message

    words = " ".join(clean_message(error).split())
    named = words if isinstance(error, ValueError) else f"{type(error).__name__}: {words}"
    return named[:600].rstrip(".") + "."


if __name__ == "__main__":
    sys.exit(main())
