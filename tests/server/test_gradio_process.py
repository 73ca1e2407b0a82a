"""The running program: no file of its user, a folder of its own that goes with it, and bounds under a crowd of calls."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import httpx

from tests.application import Application


def test_the_running_program_opens_no_file_and_takes_its_folder_along(tmp_path: Path) -> None:
    folders = Path(tempfile.gettempdir())
    secret = tmp_path / "secret.txt"
    secret.write_text("secret words")
    environment = {"OPENARC_API_KEY": "usekey-12345678"}
    with Application(tmp_path / "models", "--model", "none", environment=environment) as program:
        program.wait()
        mine = f"openarc-gradio-{program.process.pid}-*"
        (folder,) = folders.glob(mine)
        with httpx.Client(base_url=program.address, headers=program.headers, timeout=30) as client:
            value = {"path": str(secret), "meta": {"_type": "gradio.FileData"}}
            refused = client.post("/gradio_api/call/v2/create_conversation", json={"settings": {"x": value}})
            assert refused.status_code == 422 and refused.json()["code"] == "file_refused"
            assert client.post("/gradio_api/upload", files={"files": ("a", b"x" * 2**20)}).status_code == 404
            for path in (secret, "/proc/self/environ", "https://example.com/"):
                assert client.get(f"/gradio_api/file={path}").status_code == 404
            begun = client.post("/gradio_api/call/v2/metrics_export", json={"format": "csv"}).json()["event_id"]
            told = client.get(f"/gradio_api/call/v2/metrics_export/{begun}").text
            file = json.loads(told.partition("data: ")[2])[0]["path"]
            assert client.get(f"/gradio_api/file={file}").status_code == 200
        assert [file for file in folder.rglob("*") if file.is_file()] == [Path(file)]
        assert program.end() == 0
        assert list(folders.glob(mine)) == []
        assert "Traceback" not in program.log.read_text()
