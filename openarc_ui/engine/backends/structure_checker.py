"""Whether a structure can be generated, asked of a process that tries it, and remembered.

Thread-safe. It knows no model beyond the folder its tokenizer is in.
"""

from __future__ import annotations

import contextlib
import json
import queue
import re
import subprocess
import sys
import threading
from collections import OrderedDict
from pathlib import Path

from openarc_ui.engine.backends.structure import GrammarText, grammar_text
from openarc_ui.engine.devices import clean_message
from openarc_ui.engine.prompts import StructuredOutput
from openarc_ui.errors import GenerationFailed, StructureRejected

PROGRAM = Path(__file__).with_name("structure_trial.py")
START_SECONDS = 60.0
TRIAL_SECONDS = 5.0
"""A grammar that compiles is compiled again by the model's own pipeline, and every running answer waits for that."""
REMEMBERED = 256
HINTS = {
    "json_schema": "Compare it with the JSON schema's documentation, or leave that part out.",
    "regex": "It is matched against the whole answer; lookarounds, back references and flags do not exist here.",
    "grammar": 'Rules are written `name ::= "text" | other`, and the first one is called root.',
}
NOISE = re.compile(
    r"\[\d\d:\d\d:\d\d\] |\S*/[\w./-]+\.(?:cc|cpp|h|hpp):\d+:?\s*|(?:Internal )?[Cc]heck failed: .*? is false: ?"
    r"|Warning: |Failed to create grammar from structural tag: "
)


class StructureChecker:
    """Judges structures for one model.

    Args:
        model: the folder (or GGUF file) GenAI reads the tokenizer from.
    """

    def __init__(self, model: str) -> None:
        self._model = model
        self._lock = threading.Lock()
        self._verdicts: OrderedDict[GrammarText, str] = OrderedDict()
        self._process: subprocess.Popen[str] | None = None
        self._answers: queue.Queue[str | None] = queue.Queue()

    def check(self, structure: StructuredOutput) -> None:
        """See that a structure can be used. The first question of all takes a second, a new structure some milliseconds.

        Raises:
            StructureRejected: with the reason.
            GenerationFailed: there is no process to try it.
        """
        grammar = grammar_text(structure)
        with self._lock:
            reason = self._verdicts.get(grammar)
            if reason is None:
                reason = _reason(self._ask(grammar))
                self._verdicts[grammar] = reason
                if len(self._verdicts) > REMEMBERED:
                    self._verdicts.popitem(last=False)
        if reason:
            raise StructureRejected(reason, HINTS[grammar.kind])

    def close(self) -> None:
        """End the process; a question that waits for it fails."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def _ask(self, grammar: GrammarText) -> str:
        """What there is against a grammar, as xgrammar says it; "" for nothing.

        Raises:
            StructureRejected: it takes too long, or ends the process that tries it.
            GenerationFailed: there is no process to try it.
        """
        process = self._running()
        self._say(process, json.dumps([grammar.kind, grammar.text]))
        try:
            answer = self._answers.get(timeout=TRIAL_SECONDS)
        except queue.Empty:
            self.close()
            raise StructureRejected(
                f"Preparing it takes more than {TRIAL_SECONDS:g} seconds, and every running answer would wait for it.",
                "Make it smaller: fewer optional properties, lower limits, less nesting.",
            ) from None
        if answer is None:
            self.close()
            raise StructureRejected("It can't be read: it is nested too deeply.", "Write it with less nesting.")
        return str(json.loads(answer))

    def _say(self, process: subprocess.Popen[str], line: str) -> None:
        if process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):  # it has ended, which the answer tells
                process.stdin.write(line + "\n")
                process.stdin.flush()

    def _running(self) -> subprocess.Popen[str]:
        """The process, ready for a question; it is started where there is none.

        Raises:
            GenerationFailed: it can't be started.
        """
        if self._process is not None and self._process.poll() is None:
            return self._process
        self._answers = queue.Queue()
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(PROGRAM), self._model],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
        )
        threading.Thread(target=_read, args=(self._process, self._answers), name="structure-trial", daemon=True).start()
        try:
            greeting = self._answers.get(timeout=START_SECONDS)
        except queue.Empty:
            greeting = None
        if greeting is None:
            self.close()
            raise GenerationFailed(
                "The structure can't be checked: the process that tries it does not start.",
                "Ask without a structure; if it stays, look at the model's openvino_tokenizer.xml.",
            )
        return self._process


def _read(process: subprocess.Popen[str], answers: queue.Queue[str | None]) -> None:
    """Its lines into the queue, and None at the end."""
    if process.stdout is not None:
        for line in process.stdout:
            answers.put(line)
    answers.put(None)


def _reason(words: str) -> str:
    """xgrammar's words as a sentence, without its source files, its checks and the input it repeats."""
    cleaned = NOISE.sub("", clean_message(RuntimeError(words))) if words else ""
    cleaned = cleaned.partition(" The JSON string is:")[0]
    return _sentence(cleaned) if cleaned else ""


def _sentence(words: str) -> str:
    text = words.strip().rstrip(".")
    return text[:1].upper() + text[1:600] + "."
