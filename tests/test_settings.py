"""Settings: one table feeds flags, variables, help and checks."""

from __future__ import annotations

from pathlib import Path

import pytest

from openarc_ui.addresses import is_loopback, neighbourhood
from openarc_ui.errors import SettingsError
from openarc_ui.settings import (
    Settings,
    default_of,
    flag_of,
    prepare_folders,
    read_settings,
    secret_variables,
    variable_of,
)


def test_flags_win_over_variables_and_variables_over_defaults() -> None:
    settings = read_settings(["--port", "7000"], {"OPENARC_PORT": "7001", "OPENARC_QUEUE_SIZE": "4"})
    assert (settings.port, settings.queue_size, settings.host) == (7000, 4, "127.0.0.1")


@pytest.mark.parametrize(
    ("arguments", "environment", "says"),
    [
        (["--prot", "1"], {}, "--port"),
        ([], {"OPENARC_PROT": "1"}, "OPENARC_PORT"),
        (["--port", "many"], {}, "--port"),
        (["--port"], {}, "expected one argument"),
        (["--port", "70000"], {}, "65535"),
        (["--backend", "torch"], {}, "genai"),
        (["--host", "0.0.0.0"], {}, "OPENARC_API_KEY"),
        ([], {"OPENARC_API_KEY": "short"}, "--api-key-file (OPENARC_API_KEY): a key must have at least 8 characters"),
        ([], {"OPENARC_ADMIN_KEY": "short"}, "--admin-key-file (OPENARC_ADMIN_KEY): a key must have at least 8"),
        ([], {"OPENARC_API_KEY": " spaces-around "}, "one line of letters"),
        ([], {"OPENARC_API_KEY": "schlüssel-wort"}, "one line of letters"),
        ([], {"OPENARC_API_KEY": "two\nlines-of-it"}, "one line of letters"),
        ([], {"OPENARC_API_KEY": "the-same-key", "OPENARC_ADMIN_KEY": "the-same-key"}, "both keys are the same"),
        (["--api-key", "long-enough"], {}, "Set OPENARC_API_KEY, or name a file that holds it with --api-key-file"),
        (["--admin-key=long-enough"], {}, "Set OPENARC_ADMIN_KEY, or name a file that holds it with --admin-key-file"),
        (["--api-key-file", "not-there"], {}, "the key file can't be read: No such file"),
        (["--host", "::"], {}, "or say --open-to-network"),
        (["--open-to-network"], {}, "another --host"),
        (["--host", "0.0.0.0", "--open-to-network"], {"OPENARC_API_KEY": "long-enough"}, "without any key"),
        (["--allowed-origins", "*"], {}, "would let every web page in"),
        (["--allowed-origins", "null"], {}, "would let every web page in"),
        (["--allowed-origins", "https://a.example,b.example"], {}, "an origin is a scheme"),
        (["--allowed-origins", "https://a.example/"], {}, "with no path"),
        (["--allowed-origins", "https://*.example"], {}, "an origin is a scheme"),
        (["--allowed-hosts", "http://a.example"], {}, "without scheme"),
        (["--allowed-hosts", "a.example:80"], {}, "without scheme"),
        (["--allowed-hosts", "*"], {}, "a host is a name"),
        (["--max-body-megabytes", "0"], {}, "--max-body-megabytes"),
        (["--requests-per-minute", "-1"], {}, "--requests-per-minute"),
        (["extra"], {}, "extra"),
        (["--profile", "x", "--model", "y"], {}, "leave out --profile, or --model. See --help."),
        (["--cache-folder", ""], {}, "--cache-folder (OPENARC_CACHE_FOLDER): the path is empty"),
        (["--tuning-folder", " "], {}, "--tuning-folder (OPENARC_TUNING_FOLDER): the path is empty"),
        (["--model-folder", " "], {}, "the path is empty"),
        (["--profile-folder="], {}, "the path is empty"),
        (["--database", ""], {}, "the path is empty"),
        (["--conversations", ""], {}, "--conversations (OPENARC_CONVERSATIONS): the path is empty"),
        (["--otlp-endpoint", "localhost:4318"], {}, "http://localhost:4318"),
        (["--otlp-endpoint", "grpc://collector:4317"], {}, "--otlp-endpoint"),
        (["--otlp-endpoint", "http://c :4318"], {}, "--otlp-endpoint"),
        (["--otlp-endpoint", "http://:4318"], {}, "--otlp-endpoint"),
        (["--otlp-endpoint", "http://c:99999"], {}, "--otlp-endpoint"),
        (["--otlp-endpoint", "http://[::1"], {}, "--otlp-endpoint"),
        ([], {"OPENARC_OTLP_ENDPOINT": "collector"}, "OPENARC_OTLP_ENDPOINT"),
        (["--otlp-endpoint", "http://x:4318/v1/traces"], {}, "without /v1/traces, such as http://localhost:4318"),
        (["--otlp-endpoint", "http://x:4318/otlp/v1/metrics/"], {}, "without /v1/metrics"),
        (["--profile", "x"], {"OPENARC_DEVICE": "GPU", "OPENARC_BACKEND": "genai"}, "--device and --backend"),
        (["--hub-endpoint", "huggingface.co"], {}, "--hub-endpoint (OPENARC_HUB_ENDPOINT): the Hub's address is like"),
        (["--hub-endpoint", ""], {}, "the Hub's address is like https://huggingface.co"),
        (["--hub-endpoint", "ftp://mirror"], {}, "the Hub's address is like"),
        (["--hub-endpoint", "https://me:word@mirror"], {}, "nothing secret in it"),
        (["--hub-endpoint", "https://mirror/?token=word"], {}, "nothing secret in it"),
        ([], {"OPENARC_HUB_TOKEN": "short"}, "--hub-token-file (OPENARC_HUB_TOKEN): a token must have at least 8"),
        (["--hub-token", "hf_long-enough"], {}, "Set OPENARC_HUB_TOKEN, or name a file that holds it with --hub-token"),
    ],
)
def test_a_wrong_setting_says_what_is_right(arguments: list[str], environment: dict[str, str], says: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings(arguments, environment)
    assert says in f"{caught.value.message} {caught.value.hint}"


def test_another_host_is_fine_with_a_key_and_the_key_is_never_printed() -> None:
    settings = read_settings(["--host", "0.0.0.0"], {"OPENARC_API_KEY": "a-long-secret"})
    assert settings.api_key is not None
    assert "a-long-secret" not in repr(settings) + str(settings) + settings.model_dump_json()


def test_a_key_is_read_from_a_file_and_stripped_and_wins_over_the_variable(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("  from-the-file\n")
    file.chmod(0o600)
    settings = read_settings(["--admin-key-file", str(file)], {"OPENARC_ADMIN_KEY": "from-the-variable"})
    assert settings.admin_key is not None and settings.admin_key.get_secret_value() == "from-the-file"
    assert settings.needs_key and settings.api_key is None


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"", "is empty"), (b" \n", "is empty"), (b"\xff\xfe-secret", "holds no key"), (b"s3cret!", "8 char")],
)
def test_a_file_without_a_key_is_refused_and_not_shown(tmp_path: Path, content: bytes, says: str) -> None:
    file = tmp_path / "file"
    file.write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        read_settings(["--api-key-file", str(file)], {})
    told = f"{caught.value.message} {caught.value.hint}"
    assert says in told and "s3cret" not in told


def test_a_key_file_that_others_can_read_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "key"
    file.write_text("a-long-secret")
    file.chmod(0o600)
    read_settings(["--api-key-file", str(file)], {})
    assert not caplog.records
    file.chmod(0o640)
    read_settings(["--api-key-file", str(file)], {})
    assert "chmod 600" in caplog.text and "a-long-secret" not in caplog.text


@pytest.mark.parametrize("flag", ["--api-key", "--admin-key", "--hub-token"])
@pytest.mark.parametrize("form", ["two words", "one word"])
def test_a_key_in_the_command_line_is_refused_and_not_repeated(flag: str, form: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings([flag, "a-long-secret"] if form == "two words" else [f"{flag}=a-long-secret"], {})
    assert "a-long-secret" not in f"{caught.value.message} {caught.value.hint}"


def test_lists_are_separated_by_commas() -> None:
    settings = read_settings(
        ["--allowed-origins", "https://a.example, app://obsidian.md,http://localhost:3000"],
        {"OPENARC_ALLOWED_HOSTS": "openarc.example,192.168.1.2"},
    )
    assert settings.allowed_origins == ("https://a.example", "app://obsidian.md", "http://localhost:3000")
    assert settings.allowed_hosts == ("openarc.example", "192.168.1.2")


def test_a_network_without_a_key_must_be_asked_for() -> None:
    assert read_settings(["--host", "0.0.0.0", "--open-to-network"], {}).open_to_network
    assert not read_settings([], {}).needs_key


def test_the_collector_is_also_found_under_opentelemetrys_own_name() -> None:
    standard = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://standard:4318"}
    ours = {"OPENARC_OTLP_ENDPOINT": "http://ours:4318"}
    flag = ["--otlp-endpoint", "http://flag:4318"]
    assert read_settings([], standard).otlp_endpoint == "http://standard:4318"
    assert read_settings([], {**standard, **ours}).otlp_endpoint == "http://ours:4318"
    assert read_settings([], {**ours, **standard}).otlp_endpoint == "http://ours:4318"
    assert read_settings(flag, {**standard, **ours}).otlp_endpoint == "http://flag:4318"
    assert read_settings([], {}).otlp_endpoint is None


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "me:a-long-secret@collector:4317"}, "OTEL_EXPORTER_OTLP_ENDPOINT"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x:4318/v1/traces"}, "OTEL_EXPORTER_OTLP_ENDPOINT"),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            "OTEL_EXPORTER_OTLP_PROTOCOL",
        ),
    ],
)
def test_a_collector_for_all_programs_that_can_not_be_used_is_said_and_stops_nothing(
    environment: dict[str, str], says: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert read_settings([], environment).otlp_endpoint is None
    assert caplog.text.count(says) == 1 and "a-long-secret" not in caplog.text
    caplog.clear()
    ours = {**environment, "OPENARC_OTLP_ENDPOINT": "http://ours:4318"}
    assert read_settings([], ours).otlp_endpoint == "http://ours:4318"
    assert read_settings(["--otlp-endpoint="], environment).otlp_endpoint is None
    assert not caplog.records


def test_an_empty_flag_switches_off_a_collector_of_the_environment() -> None:
    assert read_settings(["--otlp-endpoint="], {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}).otlp_endpoint is None


def test_a_wrong_collector_address_is_not_repeated_since_it_may_hold_a_password() -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings(["--otlp-endpoint", "ftp://me:a-long-secret@c"], {})
    assert "a-long-secret" not in f"{caught.value.message} {caught.value.hint}"


def test_the_hub_is_also_found_under_hugging_faces_own_names(tmp_path: Path) -> None:
    standard = {"HF_ENDPOINT": "https://standard.example/hub/", "HF_TOKEN": "hf_standard"}
    ours = {"OPENARC_HUB_ENDPOINT": "https://ours.example", "OPENARC_HUB_TOKEN": "hf_of_ours"}
    file = tmp_path / "token"
    file.write_text("hf_from_a_file\n")
    file.chmod(0o600)

    def told(arguments: list[str], environment: dict[str, str]) -> tuple[str, str | None]:
        settings = read_settings(arguments, environment)
        return settings.hub_endpoint, settings.hub_token and settings.hub_token.get_secret_value()

    assert told([], {}) == ("https://huggingface.co", None)
    assert told([], standard) == ("https://standard.example/hub", "hf_standard")
    assert told([], {**standard, **ours}) == ("https://ours.example", "hf_of_ours")
    flags = ["--hub-endpoint", "http://flag.example:8080", "--hub-token-file", str(file)]
    assert told(flags, {**standard, **ours}) == ("http://flag.example:8080", "hf_from_a_file")


def test_a_hub_for_all_programs_that_can_not_be_used_is_said_and_stops_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings = read_settings([], {"HF_ENDPOINT": "https://me:a-long-secret@mirror", "HF_TOKEN": "s3crét-token"})
    assert (settings.hub_endpoint, settings.hub_token) == ("https://huggingface.co", None)
    assert "HF_ENDPOINT" in caplog.text and "HF_TOKEN" in caplog.text
    assert "a-long-secret" not in caplog.text and "s3crét" not in caplog.text


def test_a_hub_token_is_never_printed_and_opens_no_door() -> None:
    settings = read_settings([], {"OPENARC_HUB_TOKEN": "hf_a-long-secret"})
    assert "a-long-secret" not in repr(settings) + str(settings) + settings.model_dump_json()
    assert not settings.needs_key
    assert set(secret_variables()) == {"OPENARC_API_KEY", "OPENARC_ADMIN_KEY", "OPENARC_HUB_TOKEN", "HF_TOKEN"}


def test_help_explains_every_setting_with_its_default(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        read_settings(["--help"], {})
    text = " ".join(capsys.readouterr().out.split())
    for name in Settings.model_fields:
        assert flag_of(name) in text
        assert f"[{variable_of(name)}; default: {default_of(name)}]" in text


def test_a_profile_alone_is_fine() -> None:
    assert read_settings(["--profile", "last good"], {"OPENARC_MODEL": ""}).profile == "last good"


def test_who_counts_as_one_sender() -> None:
    assert neighbourhood("192.0.2.7") == "192.0.2.7" == neighbourhood("::ffff:192.0.2.7")
    assert neighbourhood("2001:db8:1:2:3::4") == neighbourhood("2001:db8:1:2::9") != neighbourhood("2001:db8:1:3::9")
    assert neighbourhood("testclient") == "testclient"


def test_what_is_loopback() -> None:
    assert [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "127.9.9.9")] == [True] * 4
    assert [is_loopback(host) for host in ("0.0.0.0", "192.168.1.2", "example.org")] == [False] * 3


def test_the_folders_are_made_before_anything_needs_them(tmp_path: Path) -> None:
    places = {"model_folder": "a/models", "database": "b/m.sqlite3", "conversations": "c/c.sqlite3"}
    prepare_folders(Settings(**{name: tmp_path / place for name, place in places.items()}))
    assert all((tmp_path / folder).is_dir() for folder in ("a/models", "b", "c"))


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"model_folder": "file"}, "--model-folder"),
        ({"model_folder": "file/models"}, "--model-folder"),
        ({"database": "file/m.sqlite3"}, "--database"),
        ({"database": "folder"}, "--database"),
        ({"conversations": "file/c.sqlite3"}, "--conversations"),
        ({"conversations": "folder"}, "--conversations"),
        ({"conversations": "fine/../fine/m.sqlite3"}, "--database or --conversations"),
    ],
)
def test_a_place_that_can_not_be_used_is_said_with_its_flag(tmp_path: Path, wrong: dict[str, str], says: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    places = {"model_folder": "fine", "database": "fine/m.sqlite3", "conversations": "fine/c.sqlite3", **wrong}
    with pytest.raises(SettingsError) as caught:
        prepare_folders(Settings(**{name: tmp_path / place for name, place in places.items()}))
    assert says in caught.value.hint and "\n" not in caught.value.message


def test_a_folder_that_can_not_be_read_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(SettingsError, match="can't be read"):
        prepare_folders(
            Settings(model_folder=tmp_path, database=tmp_path / "m.sqlite3", conversations=tmp_path / "c.sqlite3")
        )
