"""Files fetched through cuts, lies and pauses, in this process; how many bytes really left the server is counted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from openarc_ui.errors import DownloadFailed, HubAccessDenied, HubModelNotFound, HubUnreachable
from openarc_ui.models.hub import transfer as module
from openarc_ui.models.hub.client import Hub
from openarc_ui.models.hub.connection import Connection
from openarc_ui.models.hub.plan import Plan, begun, keep_plan, plan_of
from openarc_ui.models.hub.reports import Arrived, Note, Report
from openarc_ui.models.hub.transfer import Transfer
from openarc_ui.models.requests import DownloadRequest
from tests.hub_server import HubServer
from tests.models.hub.conftest import noise

WEIGHTS = noise(600_000)
FILES = {"config.json": b'{"a": 1}', "openvino_model.bin": WEIGHTS, "openvino_model.xml": b"<net/>", "empty.txt": b""}
TOKEN = "hf_s3cretword"


class Run:
    """A transfer whose pauses take no time and are written down."""

    def __init__(self, server: HubServer, folder: Path, **options: Any) -> None:
        self.server, self.folder = server, folder
        self.pauses: list[float] = []
        self.reports: list[Report] = []
        self._options = options

    def plan(self) -> Plan:
        plan = plan_of(
            DownloadRequest(repository="org/model"), Hub(self.server.endpoint, self._token()).files("org/model")
        )
        keep_plan(plan, self.folder)
        return plan

    def _token(self) -> SecretStr | None:
        return SecretStr(self._options["token"]) if self._options.get("token") else None

    def go(self, plan: Plan) -> dict[str, str]:
        connection = Connection(self.server.endpoint, self._token(), answer_seconds=self._options.get("seconds", 5.0))
        patience = self._options.get("patience", 60.0)
        return Transfer(
            connection, plan, self.folder, self.reports.append, patience_seconds=patience, sleep=self.pauses.append
        ).run()

    def content(self) -> dict[str, bytes]:
        root = self.folder / "files"
        return {each.relative_to(root).as_posix(): each.read_bytes() for each in root.rglob("*") if each.is_file()}

    @property
    def notes(self) -> str:
        return "\n".join(each.text for each in self.reports if isinstance(each, Note))


@pytest.fixture
def run(hub_server: HubServer, tmp_path: Path) -> Run:
    """A repository and an empty folder."""
    hub_server.add_repository("org/model", FILES)
    return Run(hub_server, tmp_path)


def test_every_file_comes_as_it_is_and_each_byte_once(run: Run) -> None:
    run.go(run.plan())
    assert run.content() == FILES
    assert run.server.settled_bytes().total() == sum(map(len, FILES.values()))
    arrived = [each for each in run.reports if isinstance(each, Arrived)]
    assert arrived[0].done_bytes == 0 and arrived[-1].done_bytes == sum(map(len, FILES.values()))
    assert [each.done_bytes for each in arrived] == sorted(each.done_bytes for each in arrived)


def test_a_cut_in_the_middle_goes_on_from_there(run: Run) -> None:
    run.server.faults.cut_after_bytes, run.server.faults.cuts = 100_000, 4
    run.go(run.plan())
    assert run.content() == FILES
    # A cut connection may lose what was on its way; nothing that had arrived is sent again.
    assert run.server.settled_bytes()["openvino_model.bin"] < len(WEIGHTS) + 4 * 100_000
    ranges = [each.headers["range"] for each in run.server.asked if "range" in each.headers]
    assert ranges and all(each.startswith("bytes=") and each != "bytes=0-599999" for each in ranges)
    assert "the connection was cut; going on in 1 s" in run.notes


def test_a_later_run_goes_on_where_the_first_one_stopped(run: Run) -> None:
    plan = run.plan()
    run.server.faults.cut_after_bytes = 200_000
    run.server.faults.statuses = []
    again = Run(run.server, run.folder, patience=-1.0)
    with pytest.raises(HubUnreachable, match="gave no more"):
        again.go(plan)
    number = next(number for number, each in enumerate(plan.files) if each.path == "openvino_model.bin")
    there = begun(run.folder, number).stat().st_size
    assert 0 < there <= 200_000
    run.server.faults.cut_after_bytes = None
    run.server.forget_sent_bytes()
    run.go(plan)
    assert run.content() == FILES
    assert run.server.settled_bytes()["openvino_model.bin"] == len(WEIGHTS) - there
    assert "config.json" not in run.server.settled_bytes()


def test_what_is_there_counts_from_the_first_moment_of_a_later_run(run: Run) -> None:
    plan = run.plan()
    number = next(number for number, each in enumerate(plan.files) if each.path == "openvino_model.bin")
    part = begun(run.folder, number)
    part.parent.mkdir(parents=True)
    part.write_bytes(WEIGHTS[:200_000])
    run.go(plan)
    assert run.content() == FILES
    arrived = [each for each in run.reports if isinstance(each, Arrived)]
    assert [each.done_bytes for each in arrived] == sorted(each.done_bytes for each in arrived)
    reading = next(each for each in arrived if each.stage == "Reading what is there")
    at = arrived.index(reading)
    assert (arrived[at + 1].stage, arrived[at + 1].done_bytes) == ("Downloading", reading.done_bytes)
    assert reading.done_bytes == sum(each.size_bytes for each in plan.files[:number]) + 200_000


def test_a_moved_branch_changes_nothing_for_a_plan(run: Run) -> None:
    plan = run.plan()
    run.server.add_repository("org/model", {path: noise(700_000, 9) for path in FILES})
    run.go(plan)
    assert run.content() == FILES


def test_a_server_that_can_not_go_on_in_the_middle_sends_the_file_from_its_beginning(run: Run) -> None:
    run.server.faults.cut_after_bytes, run.server.faults.cuts = 100_000, 2
    run.server.faults.ignores_range = True
    run.go(run.plan())
    assert run.content() == FILES and "begins anew" in run.notes


def test_wrong_bytes_are_fetched_once_more(run: Run) -> None:
    plan = run.plan()
    run.server.faults.wrong_bytes = 1
    run.go(plan)
    assert (
        run.content() == FILES
        and run.notes == "config.json is not what the Hub says of it, so it is fetched once more."
    )


@pytest.mark.parametrize("spoilt", ["config.json", "openvino_model.bin"])
def test_bytes_that_are_wrong_twice_end_it_and_none_of_them_stays(run: Run, spoilt: str) -> None:
    files = {path: content for path, content in FILES.items() if path == spoilt}
    run.server.add_repository("org/model", {**files, "openvino_model.xml": b"<net/>"})
    plan = run.plan()
    run.server.faults.wrong_bytes = 2
    with pytest.raises(DownloadFailed, match="came twice with other bytes"):
        run.go(plan)
    assert run.content() == {} and begun(run.folder, 0).stat().st_size == 0


@pytest.mark.parametrize("change", [b"x", -1], ids=["longer", "shorter"])
def test_a_file_of_another_length_is_no_endless_download(run: Run, change: bytes | int) -> None:
    plan = run.plan()
    commit = run.server.repositories["org/model"].commits[plan.commit]
    commit["openvino_model.bin"] = WEIGHTS + change if isinstance(change, bytes) else WEIGHTS[:change]
    with pytest.raises((DownloadFailed, HubUnreachable)):
        Run(run.server, run.folder, patience=0.3).go(plan)
    assert "openvino_model.bin" not in run.content()
    assert run.server.settled_bytes()["openvino_model.bin"] < 3_000_000 or isinstance(change, int)


def test_being_asked_to_wait_is_obeyed(run: Run) -> None:
    plan = run.plan()
    run.server.faults.statuses = [(429, "7"), (503, "2.5"), (500, None), (502, None)]
    run.go(plan)
    assert run.content() == FILES and run.pauses == [7.0, 2.5, 4.0, 8.0]
    assert any(isinstance(each, Arrived) and each.stage == "Waiting 7 s: the Hub answered 429" for each in run.reports)


def test_after_a_wait_it_is_said_that_the_wait_is_over(run: Run) -> None:
    plan = run.plan()
    run.server.faults.statuses = [(503, "2")]
    run.go(plan)
    stages = [each.stage for each in run.reports if isinstance(each, Arrived)]
    assert stages[stages.index("Waiting 2 s: the Hub answered 503") + 1] == "Asking again"


def test_being_asked_to_wait_for_hours_ends_it(run: Run) -> None:
    plan = run.plan()
    run.server.faults.statuses = [(429, "7200")]
    with pytest.raises(HubUnreachable, match="asks to wait 120 minutes"):
        run.go(plan)
    assert run.pauses == []


def test_a_hub_that_is_gone_is_tried_for_a_while_and_then_said(run: Run) -> None:
    plan = run.plan()
    run.server.close()
    run._options["patience"] = 0.2
    with pytest.raises(HubUnreachable, match="nothing came for 0 s") as caught:
        run.go(plan)
    assert "resume" in caught.value.hint and run.pauses[:3] == [1.0, 2.0, 4.0]


def test_a_file_that_stops_in_its_middle_is_asked_for_again(run: Run) -> None:
    plan = run.plan()
    run.server.faults.hangs_after_bytes = 400_000
    run._options["seconds"] = 0.3
    run.go(plan)
    assert run.content() == FILES and "nothing came for a while" in run.notes
    assert run.server.sent_bytes["openvino_model.bin"] == len(WEIGHTS)


def test_a_signed_address_that_ran_out_is_asked_for_anew(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = run.plan()
    keep_plan(plan, run.folder)
    run.go(Plan(plan.repository, plan.revision, plan.commit, (plan.files[0],)))
    run.server.faults.statuses = [(403, None)]
    run.go(Plan(plan.repository, plan.revision, plan.commit, tuple(each for each in plan.files if each.sha256)))
    assert run.content()["openvino_model.bin"] == WEIGHTS and "the store answered 403" in run.notes


@pytest.mark.parametrize(("prefix", "redirects"), [("/mirror/hub", True), ("/mirror/hub", False), ("", False)])
def test_a_mirror_may_have_a_path_and_a_store_or_none(tmp_path: Path, prefix: str, redirects: bool) -> None:
    with HubServer(prefix, redirects) as server:
        server.add_repository("org/model", FILES)
        server.faults.cut_after_bytes, server.faults.cuts = 100_000, 1
        run = Run(server, tmp_path)
        run.go(run.plan())
        assert run.content() == FILES
        assert all(each.path.startswith(f"{prefix}/") for each in server.asked)


def test_a_token_goes_to_the_hub_and_not_to_its_store(run: Run) -> None:
    run.server.allow(TOKEN, "org/model")
    run.server.repositories["org/model"].gated = True
    run._options["token"] = TOKEN
    run.go(run.plan())
    assert run.content() == FILES and not run.server.token_reached_the_store
    assert any(each.path.startswith("/store/") for each in run.server.asked)
    assert "s3cret" not in json.dumps([repr(each) for each in run.reports])


def test_access_that_was_taken_away_ends_it_at_once(run: Run) -> None:
    plan = run.plan()
    run.server.repositories["org/model"].gated = True
    with pytest.raises(HubAccessDenied, match="is gated"):
        run.go(plan)
    del run.server.repositories["org/model"]
    with pytest.raises(HubModelNotFound):
        run.go(plan)
    assert run.pauses == []


def test_a_large_file_comes_in_several_answers(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGEST_ANSWER_BYTES", 250_000)
    run.go(run.plan())
    assert run.content() == FILES and run.pauses == []
    ranges = [each.headers["range"] for each in run.server.asked if each.path.startswith("/store/")]
    assert ranges == ["bytes=0-249999", "bytes=250000-499999", "bytes=500000-599999"]


def test_more_than_a_file_has_on_the_disk_is_thrown_away(run: Run) -> None:
    plan = run.plan()
    begun(run.folder, 0).parent.mkdir()
    begun(run.folder, 0).write_bytes(b"much too long for this small file")
    run.go(plan)
    assert run.content() == FILES


def test_wrong_bytes_of_an_earlier_run_are_found_by_the_hash(run: Run) -> None:
    plan = run.plan()
    number = next(number for number, each in enumerate(plan.files) if each.path == "openvino_model.bin")
    begun(run.folder, number).parent.mkdir()
    begun(run.folder, number).write_bytes(bytes(100_000))
    run.go(plan)
    assert run.content() == FILES and "once more" in run.notes
