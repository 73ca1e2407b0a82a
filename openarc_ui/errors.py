"""Every error OpenArc raises on purpose, and nothing about HTTP.

OpenArcError
├── InvalidRequest              the request itself is wrong; nothing was started
│   ├── ParameterNotSupported   the chosen backend lacks a parameter
│   ├── PropertyRejected        an ov_config property the device does not take
│   ├── PromptTooLong           the conversation leaves no room for an answer
│   ├── TemplateRefused         the chat template is broken, or refuses the conversation
│   └── StructureRejected       a schema, expression or grammar that can't be used
├── ModelError
│   ├── ModelNotFound           no such folder in the catalogue
│   ├── ModelNotLoaded          no model of that name is ready
│   ├── ModelAlreadyLoading     a load of that name is under way
│   ├── DoesNotFit              the estimate says that the device's free memory is too small
│   ├── ModelLoadFailed         the load ended in an error
│   └── LoadCancelled           the load was cancelled
├── DeviceUnavailable           OpenVINO has no such device here
├── BackendUnavailable          the backend can't be imported or can't run this model
├── AdministratorNeeded         the key that was sent is for use, not for administration
├── RateLimited                 this key has asked too often
├── EngineBusy                  the queue is full
│   └── EngineReserved          a tuning run has the machine to itself
├── EngineClosed                the engine is shutting down
├── GenerationFailed            the backend failed in the middle of a request
│   ├── WorkerDied              the worker process ended in the middle of a request
│   └── TimeLimitReached        it took longer than a request may
├── ConversationNotFound        no conversation of that id is this owner's
├── MessageNotFound             no message of that id is in the conversation
├── ConversationsUnusable       the database of the conversations can't be read or written
├── RequestNotFound             the metrics keep no request of that id
├── MetricsUnreadable           the database of the metrics can't be read now
├── ProfileNotFound             no profile of that name
├── ProfileExists               the name is taken, and nobody said to replace it
├── ProfileFolderUnusable       the folder of the profiles can't be read or written
├── TuningRunNotFound           no tuning run of that id
├── TuningConfigurationNotFound a run has no configuration of that id
├── TuningBusy                  a tuning run works already
├── TuningFolderUnusable        the folder of the tuning runs can't be read or written
├── ModelExists                 a model of that name is there, or is being made
├── ModelInUse                  the model is loaded, or a task works on it
├── TaskNotFound                no download or conversion of that id
├── ModelFolderUnusable         the model folder can't be written, or its disk is full
├── HubUnreachable              the Hub does not answer: offline, or down
├── HubModelNotFound            the Hub has no such model or revision
├── HubAccessDenied             the model is gated, or the token is not allowed
├── DownloadFailed              what came from the Hub is not what it said
├── ConversionFailed            a checkpoint could not be converted
├── StarterUnavailable          the starter model could not be prepared
└── SettingsError               a flag or environment variable is wrong
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class OpenArcError(Exception):
    """An error with a stable code and a hint that says what to do next.

    Args:
        message: what went wrong, one sentence, safe to show to anybody.
        hint: what to do about it, one sentence; empty when there is nothing to do.
        properties: names of the ov_config properties to blame, where that can be told.
    """

    code = "openarc_error"

    def __init__(self, message: str, hint: str = "", properties: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.properties = properties

    def __reduce__(self) -> tuple[type[OpenArcError], tuple[str, str, tuple[str, ...]]]:
        return type(self), (self.message, self.hint, self.properties)


class InvalidRequest(OpenArcError):
    code = "invalid_request"


class ParameterNotSupported(InvalidRequest):
    code = "parameter_not_supported"


class PropertyRejected(InvalidRequest):
    code = "property_rejected"


class PromptTooLong(InvalidRequest):
    code = "prompt_too_long"


class TemplateRefused(InvalidRequest):
    code = "template_refused"


class StructureRejected(InvalidRequest):
    code = "structure_rejected"


class ModelError(OpenArcError):
    code = "model_error"


class ModelNotFound(ModelError):
    code = "model_not_found"


class ModelNotLoaded(ModelError):
    code = "model_not_loaded"


class ModelAlreadyLoading(ModelError):
    code = "model_already_loading"


class DoesNotFit(ModelError):
    code = "does_not_fit"


class ModelLoadFailed(ModelError):
    code = "model_load_failed"


class LoadCancelled(ModelError):
    code = "load_cancelled"


class DeviceUnavailable(OpenArcError):
    code = "device_unavailable"


class BackendUnavailable(OpenArcError):
    code = "backend_unavailable"


class AdministratorNeeded(OpenArcError):
    code = "administrator_needed"


class RateLimited(OpenArcError):
    """`retry_after_seconds`: when the next request is let through."""

    code = "rate_limited"
    retry_after_seconds: int = 1


class EngineBusy(OpenArcError):
    code = "engine_busy"


class EngineReserved(EngineBusy):
    code = "engine_reserved"


class EngineClosed(OpenArcError):
    code = "engine_closed"


class GenerationFailed(OpenArcError):
    code = "generation_failed"


class WorkerDied(GenerationFailed):
    code = "worker_died"


class TimeLimitReached(GenerationFailed):
    code = "time_limit_reached"


class ConversationNotFound(OpenArcError):
    code = "conversation_not_found"


class MessageNotFound(OpenArcError):
    code = "message_not_found"


class ConversationsUnusable(OpenArcError):
    code = "conversations_unusable"


class RequestNotFound(OpenArcError):
    """`asked`: the id or row number that was looked for, where it is known."""

    code = "request_not_found"
    asked: str | int | None = None


class MetricsUnreadable(OpenArcError):
    code = "metrics_unreadable"


class ProfileNotFound(OpenArcError):
    code = "profile_not_found"


class ProfileExists(OpenArcError):
    code = "profile_exists"


class ProfileFolderUnusable(OpenArcError):
    code = "profile_folder_unusable"


class TuningRunNotFound(OpenArcError):
    code = "tuning_run_not_found"


class TuningConfigurationNotFound(OpenArcError):
    code = "tuning_configuration_not_found"


class TuningBusy(OpenArcError):
    code = "tuning_busy"


class TuningFolderUnusable(OpenArcError):
    code = "tuning_folder_unusable"


class ModelExists(OpenArcError):
    code = "model_exists"


class ModelInUse(OpenArcError):
    code = "model_in_use"


class TaskNotFound(OpenArcError):
    code = "task_not_found"


class ModelFolderUnusable(OpenArcError):
    code = "model_folder_unusable"


class HubUnreachable(OpenArcError):
    code = "hub_unreachable"


class HubModelNotFound(OpenArcError):
    code = "hub_model_not_found"


class HubAccessDenied(OpenArcError):
    code = "hub_access_denied"


class DownloadFailed(OpenArcError):
    code = "download_failed"


class ConversionFailed(OpenArcError):
    code = "conversion_failed"


class StarterUnavailable(OpenArcError):
    code = "starter_unavailable"


class SettingsError(OpenArcError):
    code = "settings_error"


def nearest(name: str, known: Iterable[str]) -> str:
    """A sentence that names what the writer of `name` probably meant.

    Returns:
        "Did you mean 'a' or 'b'?", or the sorted known names when none is close, or "" when there are none.
    """
    names = sorted(known)
    by_folded = {candidate.casefold(): candidate for candidate in names}
    close = difflib.get_close_matches(name.casefold(), by_folded, n=3, cutoff=0.6)
    if close:
        return "Did you mean " + " or ".join(f"'{by_folded[match]}'" for match in close) + "?"
    return "Known names: " + ", ".join(names) + "." if names else ""
