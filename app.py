"""The composition root: settings -> store -> engine -> API + page -> one web server. The only file that knows every layer."""

from __future__ import annotations

import gc
import logging
import os
import signal
import socket
import sys
import time
import webbrowser
from collections.abc import Callable
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any

from openarc_ui import __version__
from openarc_ui.addresses import is_loopback
from openarc_ui.errors import ConversationsUnusable, MetricsUnreadable, OpenArcError, SettingsError
from openarc_ui.privacy import forbid_telemetry
from openarc_ui.settings import Settings, prepare_folders, read_settings, secret_variables

if TYPE_CHECKING:
    from openarc_ui.conversations.store import ConversationStore
    from openarc_ui.engine.engine import Engine
    from openarc_ui.engine.types import GenerationRequest, ModelInfo, PerformanceReport
    from openarc_ui.metrics.exposition import Exposition
    from openarc_ui.metrics.otel import Telemetry
    from openarc_ui.metrics.store import MetricsStore
    from openarc_ui.models.hub.client import Hub
    from openarc_ui.models.work.tasks import ModelTasks
    from openarc_ui.profiles import ProfileStore
    from openarc_ui.startup import Startup
    from openarc_ui.tuning.runs import TuningRuns

OPEN_TO_NETWORK = (
    "WARNING: other machines can reach it and NO KEY is needed: everybody who reaches this port can use, load, change and "
    "delete everything. Set OPENARC_API_KEY and leave --open-to-network out to change that."
)


def create_app(
    settings: Settings,
    engine: Engine,
    store: MetricsStore,
    startup: Startup,
    profiles: ProfileStore,
    conversations: ConversationStore,
    exposition: Exposition,
    runs: TuningRuns,
    tasks: ModelTasks,
    hub: Hub,
) -> Any:
    """The whole web application: guard, REST routes, the page's scripts, and the page at /."""
    forbid_telemetry()
    import gradio

    from openarc_ui.access import Access
    from openarc_ui.server.api import create_api
    from openarc_ui.server.ending import WholeStreams
    from openarc_ui.server.gradio_inputs import GradioInputs
    from openarc_ui.server.mcp_server import PATH as MCP_PATH
    from openarc_ui.server.owner import OwnerCookie
    from openarc_ui.server.security import Guard
    from openarc_ui.server.turns import Turns
    from openarc_ui.ui.blocks import build_page
    from openarc_ui.ui.theme import page_options

    access = Access(settings.requests_per_minute)
    needs_key = settings.needs_key
    api = create_api(
        engine,
        startup,
        profiles,
        conversations,
        store,
        exposition,
        runs,
        tasks,
        hub,
        needs_key=needs_key,
        with_mcp=settings.mcp,
        access=access,
    )
    page = build_page(
        engine, store, startup, profiles, conversations, runs, tasks, hub, needs_key=needs_key, access=access
    )
    application = gradio.mount_gradio_app(
        api,
        page,
        path="/",
        show_error=False,
        run_history=False,
        enable_monitoring=False,
        ssr_mode=False,
        mcp_server=False,  # left out, an environment variable would start Gradio's own beside ours
        max_file_size=f"{settings.max_body_megabytes}mb",
        footer_links=["api"],
        **page_options(),
    )
    page.close_doors(application.routes[-1].app)
    application.add_middleware(GradioInputs, folder=page.folder)
    return OwnerCookie(Guard(Turns(WholeStreams(application, MCP_PATH)), settings))


def run(settings: Settings) -> int:
    """Serve until told to stop; returns the exit code."""
    began_at = time.perf_counter()
    # A service manager's way to say Ctrl+C. Without it uvicorn ends the process before the last metrics are written.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    bound = _bind(settings)
    is_named_and_new = settings.model_folder != Settings().model_folder and not settings.model_folder.exists()
    prepare_folders(settings)
    from openarc_ui.profiles import ProfileStore

    profiles = ProfileStore(settings.profile_folder)
    profiles.check()
    first_load = profiles.get(settings.profile).load if settings.profile is not None else None
    from openarc_ui.conversations.store import ConversationStore
    from openarc_ui.engine.engine import Engine
    from openarc_ui.metrics.exposition import Exposition
    from openarc_ui.metrics.sampler import Sampler
    from openarc_ui.models.hub.client import Hub
    from openarc_ui.models.work.making import open_tasks
    from openarc_ui.startup import Startup
    from openarc_ui.terminal import TerminalProgress
    from openarc_ui.tuning.runs import TuningRuns

    with ExitStack() as opened:
        # Closed from the last to the first, each whether or not another fails: what records ends before what keeps.
        progress = opened.enter_context(closing(TerminalProgress()))
        if is_named_and_new:
            progress.say(f"openarc: {settings.model_folder} was not there and is made: an empty model folder.")
        conversations = opened.enter_context(closing(ConversationStore(settings.conversations)))
        telemetry = _open_telemetry(settings)
        if telemetry is not None:
            opened.callback(telemetry.close)
        store = opened.enter_context(closing(_open_store(settings)))

        def on_report(report: PerformanceReport) -> None:
            store.record(report)
            exposition.record(report)

        def on_answer(request: GenerationRequest, texts: tuple[str, ...], report: PerformanceReport) -> None:
            store.record_answer(request, texts, report)
            if telemetry is not None:
                telemetry.record(report, request)

        def on_loaded(info: ModelInfo) -> None:
            store.record_model(info)
            reserved = engine.reservation
            # What a measurement tries is nobody's choice.
            if reserved is None or reserved.name != info.name:
                profiles.keep_last_good(info.request)

        engine = Engine(
            settings.model_folder,
            on_report=on_report,
            on_answer=on_answer,
            on_loaded=on_loaded,
            queue_size=settings.queue_size,
            cache_folder=settings.cache_folder,
            trust_remote_code=settings.trust_remote_code,
            request_seconds=settings.request_seconds,
        )
        opened.callback(engine.close)
        hub = Hub(settings.hub_endpoint, settings.hub_token)
        tasks = opened.enter_context(closing(open_tasks(engine, hub)))
        runs = opened.enter_context(closing(TuningRuns(engine, settings.tuning_folder, tasks.converting)))
        exposition = Exposition(engine.status, store.health)
        sampler = Sampler(store.record_sample, engine.status)
        opened.callback(sampler.stop)
        startup = Startup(engine, settings, progress.show, first_load)
        opened.callback(startup.stop)
        _say_cache_problem(engine, progress.say)
        _say_conversations_problem(conversations, progress.say)
        startup.start()
        sampler.start()
        application = create_app(
            settings, engine, store, startup, profiles, conversations, exposition, runs, tasks, hub
        )
        # All of this lives as long as the process. Looking it through at every full collection holds every answer up for 0.2 s.
        gc.collect()
        gc.freeze()
        _say_metrics_problem(store, progress.say)

        def close_models() -> None:
            # A run that measures has the machine alone and is to be resumed: it ends first, not by its model's loss.
            runs.close()
            engine.close()

        _serve(application, bound, settings, began_at, progress.say, close_models)
    return 0


def _open_store(settings: Settings) -> MetricsStore:
    from openarc_ui.metrics.store import MetricsStore

    return MetricsStore(
        settings.database,
        keep_texts=settings.keep_texts,
        max_age_days=settings.metrics_days,
        max_bytes=settings.metrics_megabytes * 2**20,
    )


def _open_telemetry(settings: Settings) -> Telemetry | None:
    """None without a collector; then its libraries are not even imported.

    Raises:
        SettingsError: the SDK can't use one of its own OTEL_ variables.
    """
    if settings.otlp_endpoint is None:
        return None
    from openarc_ui.metrics.otel import Telemetry

    try:
        return Telemetry(settings.otlp_endpoint, __version__)
    except ValueError:
        raise SettingsError(
            "OpenTelemetry can't use one of the OTEL_ variables, for example OTEL_BSP_MAX_QUEUE_SIZE.",
            "Correct it, or start with --otlp-endpoint= to send nothing.",
        ) from None


def _say_metrics_problem(store: MetricsStore, say: Callable[[str], None]) -> None:
    """Models answer without kept metrics too, so this is said and no error. The store has had its time to open the file."""
    from openarc_ui.metrics.queries import reading

    health = store.health()
    if health.notice is not None:
        say(f"openarc: {health.notice}")
    try:
        with reading(store):
            pass
    except MetricsUnreadable as error:
        say(f"openarc: {error.message} {error.hint}".rstrip())
    if health.problem is not None and health.notice is None:
        say(f"openarc: {health.problem}")


def _say_cache_problem(engine: Engine, say: Callable[[str], None]) -> None:
    """Models load without a cache too, so this is said and no error."""
    from openarc_ui.engine.compile_cache import CacheFolderUnusable

    try:
        if engine.compile_cache is not None:
            engine.compile_cache.check()
    except CacheFolderUnusable as error:
        say(f"openarc: {error.message} {error.hint} Until then every load compiles its model anew.")


def _say_conversations_problem(conversations: ConversationStore, say: Callable[[str], None]) -> None:
    """Models answer without kept conversations too, so this is said and no error; a damaged file was set aside."""
    try:
        conversations.summaries("", limit=1)
    except ConversationsUnusable as error:
        say(f"openarc: {error.message} {error.hint} Until then no conversation is kept.")
    if conversations.notice is not None:
        say(f"openarc: {conversations.notice}")


def _bind(settings: Settings) -> socket.socket:
    """Take the port before anything slow happens.

    Raises:
        SettingsError: it is taken, or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family)
    if os.name == "posix":
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.host, settings.port))
    except OSError as error:
        listening.close()
        raise SettingsError(
            f"Can't listen on {settings.host} port {settings.port}: {error.strerror}.",
            "Choose another with --port or --host.",
        ) from None
    return listening


def _serve(
    application: Any,
    bound: socket.socket,
    settings: Settings,
    began_at: float,
    say: Any,
    close_models: Callable[[], None],
) -> None:
    from openarc_ui.server.web_server import WebServer

    def on_ready() -> None:
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        address = f"http://{host}:{settings.port}"
        say(f"OpenArc {__version__} answers on {address} after {time.perf_counter() - began_at:.1f} s. Ctrl+C ends it.")
        if settings.open_to_network:
            say(OPEN_TO_NETWORK)
        elif not is_loopback(settings.host):
            say("Other machines can reach it; every request needs an API key.")
        if settings.open_browser:
            webbrowser.open(address)

    WebServer(application, on_ready, close_models).run(sockets=[bound])


def main() -> int:
    """Entry: 0 when ended as asked, 2 for settings that can't be used."""
    forbid_telemetry()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        settings = read_settings(sys.argv[1:], os.environ)
        for variable in secret_variables():
            # Workers and what they start inherit the rest. The system still tells this program's user what it was started with,
            # /proc/<pid>/environ on Linux, and a worker runs as the same user: see docs/security.md.
            os.environ.pop(variable, None)
        return run(settings)
    except KeyboardInterrupt:
        return 0
    except OpenArcError as error:
        print(f"openarc: {error.message} {error.hint}".rstrip(), file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
