"""What is said above the composer, and the buttons below it that help. Pure."""

from __future__ import annotations

from typing import Any

from openarc_ui.errors import EngineReserved, ModelNotLoaded, OpenArcError, PromptTooLong, WorkerDied
from openarc_ui.ui.chat import wanted
from openarc_ui.ui.chat.run import Run
from openarc_ui.ui.chat.session import OPEN_LOAD, OPEN_RUN, Notice

NOT_SENT = Notice("Stopped while it waited for the model; nothing was sent.", tone="")
UNTIL_ITS_END = "Chat is refused until it ends; the message is kept."
NOTHING_LOADED = "No model is loaded."
LOAD_IT = "Load it again in the Load tab, then answer here."
LOAD_ONE = "Load one in the Load tab, then answer here."
TOO_LONG = "Leave out its oldest messages, shorten it by hand, or load a model with a longer context."
LAST_TOO_LONG = "The last message itself is too long: shorten it, or load a model with a longer context."


def again_action(action: wanted.Submitted, conversation_id: str) -> dict[str, Any]:
    """The action that asks for the same answer once more; what it changed is kept already."""
    if isinstance(action, wanted.Retry | wanted.Continue):
        return {"do": action.do, "id": action.id, "conversation": conversation_id}
    return {"do": "answer", "conversation": conversation_id}


def notice_of(run: Run, again: dict[str, Any]) -> Notice | None:
    """What is said when a run is over; None: nothing.

    Args:
        again: the action that asks for the same answer once more.
    """
    if not run.problems:
        return NOT_SENT if run.is_cancelled and not run.answers else None
    error, leave = run.problems[0], ("Leave it", {"do": "dismiss", "conversation": again["conversation"]})
    match error:
        case PromptTooLong() if run.job.shorten or run.job.settings.when_too_long == "shorten":
            return Notice(error.message, LAST_TOO_LONG, "bad", (leave,))
        case PromptTooLong():
            shorten = ("Shorten from the oldest", {**again, "shorten": True})
            return Notice(error.message, TOO_LONG, "bad", (shorten, leave))
        case EngineReserved():
            return Notice(error.message, UNTIL_ITS_END, "warn", (("Try again", again),), OPEN_RUN)
        case ModelNotLoaded() | WorkerDied():
            label = "Try again" if error.message == NOTHING_LOADED else "Answer with the loaded model"
            return Notice(error.message, _where_to_load(error), "bad", ((label, again),), OPEN_LOAD)
    return Notice.of(error, ("Try again", again))


def undo_question(question: str, conversation_id: str) -> Notice:
    """Asks before versions are lost.

    Args:
        question: what would go, one sentence.
    """
    sure = {"do": "undo", "sure": True, "conversation": conversation_id}
    leave = {"do": "dismiss", "conversation": conversation_id}
    return Notice(question, "They can't be brought back.", "warn", (("Take it back", sure), ("Leave it", leave)))


def _where_to_load(error: OpenArcError) -> str:
    """What helps where a model is not there; a name that was probably meant is told too."""
    if error.hint.startswith("Did you mean"):
        return f"{error.hint} {LOAD_ONE}"
    return LOAD_ONE if error.message == NOTHING_LOADED else LOAD_IT
