"""The Chat tab: each of its promises once, with the real starter model, and with the scripted one where a model must misbehave."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Locator, expect
from tokenizers import Tokenizer

from tests.application import Application
from tests.browser.conftest import DESKTOP, PHONE, OpenPage
from tests.browser.dashboard import Dashboard
from tests.conftest import write_script

pytestmark = [pytest.mark.browser, pytest.mark.model]

CALL = '<tool_call>\n{"name": "weather", "arguments": {"city": "Paris"}}\n</tool_call>'
TOOL = 'def weather(city: str) -> str:\n    """Today\'s weather."""'
REPLIES = [
    {"when": "rain", "text": "Take an umbrella."},
    {"when": "weather", "text": f"Let me look. {CALL}"},
    {"when": "think", "text": "<think>\nHm, one and one.\n</think>\n\nTwo.", "token_seconds": 0.25},
    {"when": "slow", "text": "word " * 2000, "token_seconds": 0.01},
    {"when": "lost", "text": "found " * 2000, "token_seconds": 0.01},
    {"when": "rich", "text": "| a | b |\n|---|---|\n| 1 | 2 |\n\n```python\nprint(1)\n```\n\nIt costs $5 or $6, and \\(x^2\\)."},
    {"text": "As the script says."},
]  # fmt: skip


@pytest.fixture(scope="module")
def kept_at(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where this module's conversations are kept, for two programs."""
    return tmp_path_factory.mktemp("kept") / "conversations.sqlite3"


@pytest.fixture(scope="module")
def folder(starter_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The starter model, and a scripted one."""
    models = tmp_path_factory.mktemp("models")
    shutil.copytree(starter_folder, models / starter_folder.name, copy_function=_link)
    write_script(models / "script", replies=REPLIES, context_length=4000)
    return models


@pytest.fixture(scope="module")
def application(folder: Path, starter_folder: Path, kept_at: Path) -> Iterator[Application]:
    """The program with both models; the starter answers by default."""
    with Application(folder, "--model", "script", "--conversations", str(kept_at)) as program:
        program.wait()
        load = {"load_config": {"id_model": starter_folder.name}}
        httpx.post(f"{program.address}/model/load", json=load, timeout=120).raise_for_status()
        yield program
        assert "Traceback" not in program.log.read_text()


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def choose_model(dashboard: Dashboard, name: str, field: str = "#oa-chat-model") -> None:
    dashboard.page.locator(field).get_by_role("combobox").click()
    dashboard.page.get_by_role("option", name=re.compile(name)).last.click()


def scripted(dashboard: Dashboard) -> Dashboard:
    """The page with the scripted model chosen."""
    choose_model(dashboard, "^script")
    return dashboard


def editor(dashboard: Dashboard, place: str) -> Locator:
    return dashboard.page.locator(f"{place} .cm-content")


def type_into(dashboard: Dashboard, place: str, text: str) -> None:
    """Replace what is in an editor."""
    editor(dashboard, place).click()
    dashboard.page.keyboard.press("ControlOrMeta+a")
    dashboard.page.keyboard.insert_text(text)


def test_every_message_can_be_edited_inserted_moved_and_deleted(open_page: OpenPage) -> None:
    dashboard = open_page()
    page = dashboard.page
    dashboard.setting("Max new tokens", "8")
    dashboard.ask("Say hello.")
    page.get_by_role("button", name="Add a system prompt").click()
    page.keyboard.type("Be brief.")
    page.keyboard.press("ControlOrMeta+Enter")
    expect(dashboard.messages).to_have_count(3)
    dashboard.do(2, "edit")
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("Hello to you!")
    page.keyboard.press("ControlOrMeta+Enter")
    expect(dashboard.messages.nth(2)).to_contain_text("Hello to you!")
    expect(dashboard.versions).to_contain_text("2/2")
    dashboard.page.get_by_role("button", name="Previous version").click()
    expect(dashboard.versions).to_contain_text("1/2")
    dashboard.do(1, "move-down")
    expect(dashboard.messages.nth(2)).to_contain_text("Say hello.")
    dashboard.message.fill("It is sunny.")
    page.locator('[data-action="role"]').click()
    page.get_by_role("menuitem", name="Add as Tool").click()
    expect(dashboard.messages.last).to_have_attribute("data-role", "tool")
    for _ in range(2):
        dashboard.messages.last.locator('[data-action="delete"]').click()
    expect(dashboard.messages).to_have_count(3)
    dashboard.message.fill("")
    dashboard.do(2, "undo")
    expect(dashboard.notice).to_contain_text("all 2 versions of this message")
    expect(dashboard.messages).to_have_count(3)
    dashboard.notice.get_by_role("button", name="Take it back").click()
    expect(dashboard.message).to_have_value("Say hello.")
    expect(dashboard.messages).to_have_count(2)
    expect(dashboard.notice).to_be_hidden()


def test_a_page_opened_during_the_first_answer_comes_back_to_its_conversation(open_page: OpenPage) -> None:
    dashboard = scripted(open_page())
    dashboard.setting("Max new tokens", "2000")
    dashboard.send("slow, if you please")
    expect(dashboard.answers.last).to_contain_text("word word")
    again = open_page(beside=dashboard)
    expect(again.messages.first).to_contain_text("slow, if you please")
    expect(dashboard.stop).to_be_visible()
    dashboard.stop.click()
    dashboard.settled()


def test_retry_resend_and_continue_keep_every_version(open_page: OpenPage) -> None:
    dashboard = open_page()
    page = dashboard.page
    dashboard.setting("Max new tokens", "4")
    dashboard.ask("What is the capital of France?")
    dashboard.do(1, "retry")
    expect(dashboard.versions).to_contain_text("2/2")
    dashboard.figures()
    begun = dashboard.texts[1]
    dashboard.setting("Max new tokens", "30")
    dashboard.do(1, "continue")
    expect(dashboard.versions).to_contain_text("3/3")
    dashboard.figures()
    assert dashboard.texts[1].startswith(begun) and len(dashboard.texts[1]) > len(begun)
    dashboard.message.press("ArrowUp")
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("What is the capital of Italy?")
    page.get_by_role("button", name="Save and answer").click()
    expect(dashboard.messages.first).to_contain_text("Italy")
    expect(dashboard.versions).to_have_count(1)
    dashboard.figures()
    dashboard.messages.first.get_by_role("button", name="Previous version").click()
    expect(dashboard.messages.first).to_contain_text("France")
    assert dashboard.texts[1].startswith(begun)


def test_the_reply_begins_with_a_given_text(open_page: OpenPage) -> None:
    dashboard = open_page()
    dashboard.page.get_by_role("button", name="Start the reply with …").click()
    dashboard.page.get_by_role("textbox", name="Start the reply with").fill("Paris, of course: the")
    dashboard.setting("Max new tokens", "12")
    dashboard.send("What is the capital of France?")
    dashboard.figures()
    assert dashboard.texts[1].startswith("Paris, of course: the ")


def test_json_and_bubbles_are_one(open_page: OpenPage) -> None:
    dashboard = open_page()
    dashboard.tab("JSON")
    typed = [{"role": "user", "content": "Wer \N{GRINNING FACE}?"}, {"role": "assistant", "content": "Ich."}]
    type_into(dashboard, "#oa-chat-json", json.dumps(typed, ensure_ascii=False))
    expect(dashboard.messages).to_have_count(2)
    assert dashboard.texts == ["Wer \N{GRINNING FACE}?", "Ich."]
    type_into(dashboard, "#oa-chat-json", '[{"role": "user",\n "content": }]')
    expect(dashboard.page.locator("#oa-chat-json-note")).to_contain_text("Line 2, column 13")
    assert dashboard.texts == ["Wer \N{GRINNING FACE}?", "Ich."]
    dashboard.do(1, "edit")
    dashboard.page.keyboard.type(" Du.")
    dashboard.page.keyboard.press("ControlOrMeta+Enter")
    expect(editor(dashboard, "#oa-chat-json")).to_contain_text("Ich. Du.")


def test_conversations_are_found_renamed_exported_imported_deleted_and_private(open_page: OpenPage) -> None:
    dashboard = open_page()
    page = dashboard.page
    dashboard.setting("Max new tokens", "8")
    dashboard.ask("A question about zebras.")
    page.get_by_role("button", name="New chat").first.click()
    expect(dashboard.messages).to_have_count(0)
    dashboard.ask("Another one, about ships.")
    expect(dashboard.conversations).to_have_count(2)
    page.get_by_role("searchbox", name="Search conversations").fill("ZEBRA")
    expect(dashboard.conversations).to_have_count(1)
    dashboard.conversations.first.click()
    expect(dashboard.messages.first).to_contain_text("zebras")
    page.locator('[data-action="title"]').click()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("Striped")
    page.keyboard.press("Enter")
    page.get_by_role("searchbox", name="Search conversations").fill("")
    expect(dashboard.conversations.first).to_have_text("Striped")
    expect(dashboard.conversations).to_have_count(2)
    page.locator(".oc-header").get_by_role("button", name="Export").click()
    with page.expect_download() as begun:
        page.get_by_role("menuitem", name="Export as Markdown").click()
    exported = Path(begun.value.path()).read_text()
    assert "zebras" in exported and begun.value.suggested_filename == "Striped.md"
    said = dashboard.texts
    page.locator(".oc-list input[type=file]").set_input_files(
        {"name": "again.md", "mimeType": "text/markdown", "buffer": exported.encode()}
    )
    expect(dashboard.conversations).to_have_count(3)
    assert dashboard.texts == said
    page.locator(".oc-item").first.hover()
    page.locator(".oc-item").first.get_by_role("button", name=re.compile("^More about")).click()
    page.get_by_role("menuitem", name="Delete").click()
    page.get_by_role("menuitem", name="Delete for good?").click()
    expect(dashboard.conversations).to_have_count(2)
    expect(open_page().conversations).to_have_count(0)


def test_the_chips_are_the_tokenizers_own_ids(open_page: OpenPage, starter_folder: Path) -> None:
    dashboard = open_page()
    dashboard.setting("Max new tokens", "8")
    question = "Naïve \N{GRINNING FACE} 日本  x"
    dashboard.ask(question)
    dashboard.tab("Prompt")
    prompt = dashboard.page.locator("#oa-chat-prompt")
    expect(prompt).to_contain_text("<|im_start|>")
    prompt.get_by_role("radio", name="Tokens").click()
    tokenizer = Tokenizer.from_file(str(starter_folder / "tokenizer.json"))
    wanted = tokenizer.encode(question, add_special_tokens=False).ids
    shown = prompt.locator(".oa-token.is-user").evaluate_all("(all) => all.map((each) => Number(each.dataset.id))")
    assert shown[-len(wanted) :] == wanted or shown == wanted
    everything = prompt.locator(".oa-token[data-id]").count()
    expect(prompt).to_contain_text(f"{everything} of 8\u202f192 tokens")


def test_a_template_is_overridden_refused_with_its_line_and_reset(open_page: OpenPage) -> None:
    dashboard = open_page()
    dashboard.setting("Max new tokens", "8")
    dashboard.ask("Hello.")
    dashboard.tab("Prompt")
    page = dashboard.page
    page.get_by_role("button", name="Change it for this conversation").click()
    type_into(dashboard, "#oa-chat-template", "{% for m in messages %}\n{{ m.content }}!\n{% endfor %}")
    prompt = page.locator("#oa-chat-prompt")
    expect(prompt).to_contain_text("Hello.!")
    expect(prompt).not_to_contain_text("<|im_start|>")
    type_into(dashboard, "#oa-chat-template", "{{ messages[0].content }}\n{% if %}")
    expect(prompt).to_contain_text(re.compile("[Ll]ine 2"))
    page.get_by_role("button", name="Back to the model's own").click()
    expect(prompt).to_contain_text("<|im_start|>")


def test_what_does_not_fit_is_a_choice_and_never_cut_in_silence(open_page: OpenPage) -> None:
    dashboard = scripted(open_page())
    page = dashboard.page
    dashboard.ask("old " * 1800)
    expect(page.locator("#oa-chat .oc-gauge-place")).to_contain_text("/ 4\u202f000")
    dashboard.message.fill("new " * 3000)
    dashboard.message.press("Enter")
    expect(dashboard.notice).to_contain_text("this model's context holds 4000")
    expect(dashboard.messages).to_have_count(3)
    dashboard.notice.get_by_role("button", name="Shorten from the oldest").click()
    expect(dashboard.answers.last).to_contain_text("2 earlier messages left out")
    expect(dashboard.notice).to_be_hidden()


def test_several_answers_and_two_models_side_by_side_with_one_seed(open_page: OpenPage) -> None:
    dashboard = open_page()
    page = dashboard.page
    dashboard.setting("Max new tokens", "10")
    page.locator('[data-row="num_return_sequences"]').get_by_role("radio", name="2").click()
    choose_model(dashboard, "^script", "#oa-chat-compare")
    dashboard.send("Name a colour.")
    expect(dashboard.answers).to_have_count(4)
    dashboard.settled()
    models = dashboard.answers.locator(".oc-model").all_inner_texts()
    assert [model.startswith("script") for model in models] == [False, False, True, True]
    facts = dashboard.answers.locator(".oc-facts").all_inner_texts()
    seeds = [int(found[1]) for text in facts if (found := re.search(r"seed (\d+)", text))]
    assert seeds == [seeds[0], seeds[0] + 1] * 2
    dashboard.answers.nth(2).get_by_role("button", name="Use this one").click()
    expect(dashboard.answers.nth(2)).to_contain_text("In use")
    choose_model(dashboard, "No second", "#oa-chat-compare")
    page.locator('[data-row="num_return_sequences"]').get_by_role("radio", name="1").click()
    dashboard.setting("Temperature", "1")
    page.get_by_role("button", name="Keep the seed").click()
    dashboard.ask("Say a word.")
    first = dashboard.texts[-1]
    dashboard.do(-1, "retry")
    expect(dashboard.versions.last).to_contain_text("2/2")
    dashboard.figures()
    assert dashboard.texts[-1] == first


def test_structured_output_is_what_was_asked_for(open_page: OpenPage) -> None:
    dashboard = open_page()
    page = dashboard.page
    page.get_by_role("button", name="Structured output").click()
    page.locator("#oa-chat-structure").get_by_role("combobox").click()
    page.get_by_role("option", name="One of several texts").click()
    type_into(dashboard, "#oa-chat-structure-text", "blue\ngreen")
    dashboard.ask("What colour is the sky? ")
    assert dashboard.texts[-1] in ("blue", "green")


def test_a_call_is_a_card_and_its_result_goes_on(open_page: OpenPage) -> None:
    dashboard = scripted(open_page())
    page = dashboard.page
    page.get_by_role("button", name="Tools", exact=False).first.click()
    type_into(dashboard, "#oa-chat-tools", TOOL)
    expect(page.locator("#oa-chat-tools-note")).to_contain_text("weather")
    dashboard.ask("How is the weather?")
    card = page.locator(".oc-call")
    expect(card).to_contain_text('"city": "Paris"')
    card.get_by_role("textbox", name="Result of weather").fill("rain")
    card.get_by_role("button", name="Send and go on").click()
    expect(dashboard.answers.last).to_contain_text("Take an umbrella.")
    expect(page.locator(".oc-call")).to_contain_text("result is there")


def test_thoughts_fold_with_their_tokens_and_time(open_page: OpenPage) -> None:
    dashboard = scripted(open_page())
    dashboard.send("think")
    thoughts = dashboard.answers.last.locator(".oc-reasoning")
    expect(thoughts).to_contain_text("Thinking …")
    dashboard.figures()
    expect(thoughts.locator("summary")).to_have_text(re.compile(r"Thought for [\d.]+ m?s · \d+ tokens"))
    expect(thoughts).not_to_have_attribute("open", "")
    assert dashboard.texts[-1] == "Two."


def test_each_token_shows_what_it_cost(open_page: OpenPage) -> None:
    dashboard = open_page()
    page = dashboard.page
    dashboard.ask("What is the capital of France?")
    spans = page.locator("#oa-chat .oc-time-line, #oa-chat [class*=time]").first
    expect(spans).to_be_visible()
    for colour in ("Latency", "Probability"):
        page.get_by_role("radio", name=colour).click()
        tokens = dashboard.answers.last.locator(".oc-token")
        expect(tokens.first).to_be_visible()
        tokens.nth(2).hover()
        expect(page.locator("#oa-chat .oc-tip")).to_contain_text("probability")
        expect(page.locator("#oa-chat .oc-tip")).to_contain_text(re.compile(r"\d+ %"))


def test_markdown_is_drawn_and_code_is_copied(open_page: OpenPage) -> None:
    dashboard = scripted(open_page())
    page = dashboard.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    dashboard.ask("rich")
    answer = dashboard.answers.last
    expect(answer.locator("table td")).to_have_text(["1", "2"])
    expect(answer.locator("math")).to_have_count(1)
    expect(answer).to_contain_text("It costs $5 or $6")
    answer.locator("pre").hover()
    answer.get_by_role("button", name=re.compile("Copy")).first.click()
    expect(page.locator("#oa-chat")).to_contain_text(re.compile("Copied"))
    assert page.evaluate("() => navigator.clipboard.readText()").strip() == "print(1)"


def test_long_pastes_and_files_go_as_text(open_page: OpenPage) -> None:
    dashboard = scripted(open_page())
    page = dashboard.page
    page.locator("#oa-chat .oc-composer input[type=file]").set_input_files(
        {"name": "notes.py", "mimeType": "text/x-python", "buffer": b"answer = 42\n"}
    )
    expect(page.locator("#oa-chat .oc-composer")).to_contain_text("notes.py")
    dashboard.message.press("Shift+Enter")
    dashboard.ask("Look at this.")
    expect(dashboard.messages.first).to_contain_text("answer = 42")
    expect(dashboard.messages.first).to_contain_text("notes.py")


def test_the_reader_who_scrolls_up_is_left_alone(open_page: OpenPage) -> None:
    dashboard = scripted(open_page())
    page = dashboard.page
    dashboard.setting("Max new tokens", "2000")
    dashboard.send("slow")
    scroller = page.locator("#oa-chat .oc-scroll")
    bottom = "(each) => each.scrollHeight - each.scrollTop - each.clientHeight"
    expect(dashboard.answers.last.locator(".oc-content")).to_contain_text("word " * 600)
    page.wait_for_function(f"() => ({bottom})(document.querySelector('#oa-chat .oc-scroll')) < 60")
    scroller.hover()
    page.mouse.wheel(0, -300)
    expect(page.get_by_role("button", name="Newest")).to_be_visible()
    page.wait_for_timeout(800)
    assert scroller.evaluate(bottom) > 100
    page.get_by_role("button", name="Newest").click()
    page.keyboard.press("Escape")
    assert dashboard.figures()[4] == "stopped by you"


def test_two_tabs_of_one_browser_share_a_conversation(open_page: OpenPage) -> None:
    one = scripted(open_page())
    one.setting("Max new tokens", "2000")
    one.ask("hello")
    other = open_page(beside=one)
    expect(other.messages).to_have_count(2)
    one.send("slow")
    expect(other.answers.last.locator(".oc-content")).to_contain_text("word word")
    other.stop.click()
    assert one.figures()[4] == "stopped by you"
    expect(other.facts).to_contain_text("stopped by you")


def test_settings_belong_to_their_conversation(open_page: OpenPage) -> None:
    dashboard = open_page()
    page = dashboard.page
    temperature = page.get_by_role("textbox", name="Temperature", exact=True)
    dashboard.setting("Max new tokens", "8")
    dashboard.ask("Hello.")
    dashboard.setting("Temperature", "0.7")
    page.wait_for_timeout(900)
    page.get_by_role("button", name="New chat").first.click()
    expect(dashboard.messages).to_have_count(0)
    expect(temperature).to_have_value("0.7")
    dashboard.setting("Temperature", "1.5")
    dashboard.ask("Hello again.")
    dashboard.conversations.nth(1).click()
    expect(temperature).to_have_value("0.7")
    again = open_page(beside=dashboard)
    expect(again.messages).to_have_count(2)
    expect(again.page.get_by_role("textbox", name="Temperature", exact=True)).to_have_value("0.7")
    expect(again.page.get_by_role("textbox", name="Max new tokens", exact=True)).to_have_value("8")


def test_it_works_on_a_phone(open_page: OpenPage) -> None:
    dashboard = open_page(PHONE)
    page = dashboard.page
    expect(page.locator("#oa-chat-model")).to_be_hidden()
    page.get_by_role("button", name="Settings, prompt and JSON").click()
    expect(page.locator("#oa-chat-model")).to_be_visible()
    dashboard.setting("Max new tokens", "8")
    page.get_by_role("button", name="Settings, prompt and JSON").click()
    dashboard.ask("Say hello.")
    page.get_by_role("button", name="Show the conversations").click()
    expect(dashboard.conversations).to_have_count(1)
    dashboard.picture("chat-drawer-phone")
    assert dashboard.overflow() <= 0


def until(is_so: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < give_up_at
        time.sleep(0.1)


def kept(file: Path) -> str:
    """All messages in the database, as another program reads them: only what was committed."""
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=30)) as connection:
        return str(connection.execute("SELECT * FROM messages").fetchall())


def test_nothing_is_lost_when_the_program_is_killed(
    browser: Browser, application: Application, folder: Path, kept_at: Path
) -> None:
    """The last one: it ends the program of this module. Its pages may complain."""
    page = browser.new_context(viewport={"width": DESKTOP[0], "height": DESKTOP[1]}).new_page()
    dashboard = Dashboard(page)
    page.goto(application.address)
    scripted(dashboard)
    dashboard.ask("hello")
    dashboard.setting("Max new tokens", "2000")
    dashboard.send("lost")
    until(lambda: "found found found" in kept(kept_at))
    application.end(signal.SIGKILL)
    with Application(folder, "--model", "script", "--conversations", str(kept_at)) as again:
        again.wait()
        page.goto(again.address)
        expect(dashboard.messages).to_have_count(4)
        expect(dashboard.answers.last.locator(".oc-content")).to_contain_text("found found found")
        expect(dashboard.facts).to_contain_text("OpenArc ended while this answer was being made", timeout=30_000)
        dashboard.do(-1, "retry")
        expect(dashboard.versions.last).to_contain_text("2/2")
        dashboard.stop.click()
        dashboard.settled()
    page.context.close()
