"""The Chat view alone: what it shows of a snapshot, what it asks for, and what a stream costs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from openarc_ui.ui.chat.attached import with_files
from openarc_ui.ui.chat.wanted import AttachedFile
from tests.browser.conftest import DESKTOP, PHONE, Watched
from tests.browser.view_page import ViewPage, answer, message, serve_view, snapshot, versions

pytestmark = pytest.mark.browser

QUESTION = message("u1", "user", "Why is  the sky\n  blue?\n```py\nx = 1\n```\n**not bold**")
SOON_MS = 2000
"""Long before the view gives up waiting for an answer of the server."""
OpenView = Callable[..., ViewPage]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serve_view() as served:
        yield served


@pytest.fixture
def open_view(browser: Browser, address: str) -> Iterator[OpenView]:
    """Opens the view in a browser profile of its own; an outside request or an error on the console fails the test."""
    contexts: list[BrowserContext] = []
    watched = Watched()

    def opened(size: tuple[int, int] = DESKTOP, is_touch: bool = False) -> ViewPage:
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]}, has_touch=is_touch, is_mobile=is_touch
        )
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(5000)
        watched.watch(page)
        return ViewPage(page, address)

    yield opened
    for context in contexts:
        context.close()
    assert not watched.outside, f"the view called outside hosts: {watched.outside}"
    assert not watched.errors, f"the browser's console has errors: {watched.errors}"


def test_markdown_with_tables_code_and_formulas_and_a_single_dollar_is_a_price(open_view: OpenView) -> None:
    view = open_view()
    text = "| a | b |\n|--|--:|\n| 1 | 2 |\n\n```python\ndef f(): pass\n```\n\n$$x^2$$\n\n\\[y\\] and \\(z\\), $5 and $10\n"
    view.show(answer("a1", text + "[a link](https://example.org) ![sky](https://example.org/sky.png)"))
    shown = view.view("a1").locator(".oc-content")
    expect(shown.locator("td").last).to_have_text("2")
    expect(shown.locator(".oc-code .hljs-keyword").first).to_have_text("def")
    expect(shown.locator("math")).to_have_count(3)
    expect(shown).to_contain_text("$5 and $10")
    expect(shown.locator("img")).to_have_count(0)
    for link in shown.locator("a").all():
        assert link.get_attribute("target") == "_blank" and "noopener" in str(link.get_attribute("rel"))
    shown.get_by_label("Copy the code").click()
    assert view.page.evaluate("navigator.clipboard.readText()") == "def f(): pass"


def test_html_in_an_answer_is_harmless_and_unknown_tags_are_read(open_view: OpenView) -> None:
    view = open_view()
    hostile = (
        '<img src=x onerror="window.hit=1"><script>window.hit=2</script><a href="javascript:window.hit=3">go</a>'
        '<div style="position:fixed" class="oc-send" id="oa-chat">box</div><iframe src="https://example.org"></iframe>\n\n'
        '<img src="https://example.org/a.png"> <video poster="https://example.org/b.png"></video>\n\n<tool_call>{"a": 1}</tool_call>'
    )
    view.show(answer("a1", hostile))
    shown = view.view("a1").locator(".oc-content")
    expect(shown).to_contain_text('<tool_call>{"a": 1}</tool_call>')
    expect(shown).to_contain_text("<script>")
    assert shown.locator("img, script, iframe, video, [style], [id], [class='oc-send']").count() == 0
    expect(shown).to_contain_text('<a href="javascript:window.hit=3">go</a>')
    expect(shown).to_contain_text("<div style=")
    view.page.wait_for_timeout(100)
    assert view.page.evaluate("window.hit") is None


def test_a_users_text_keeps_its_white_space_and_only_fences_are_set_apart(open_view: OpenView) -> None:
    view = open_view()
    view.show(QUESTION)
    shown = view.view("u1").locator(".oc-content")
    assert shown.locator("p").first.evaluate("(node) => node.textContent") == "Why is  the sky\n  blue?"
    expect(shown.locator(".oc-code code")).to_have_text("x = 1")
    expect(shown).to_contain_text("**not bold**")
    view.show(message("u2", "user", "long\n" * 40))
    unfold = view.view("u2").locator('[data-action="unfold"]')
    expect(unfold).to_have_text("Show all 200 characters")
    unfold.click()
    expect(unfold).to_have_text("Show less")


def test_copy_gives_the_source_without_figures(open_view: OpenView) -> None:
    view = open_view()
    view.show(answer("a1", "**bold**\n\n- one"))
    view.act("a1", "copy")
    assert view.page.evaluate("navigator.clipboard.readText()") == "**bold**\n\n- one"
    expect(view.view("a1").locator(".oc-facts")).to_contain_text("TTFT 316 ms")


def test_every_action_of_a_message(open_view: OpenView) -> None:
    view = open_view()
    view.show(QUESTION, answer("a1", "Rayleigh", versions=versions(1, 3)), message("u2", "user", "And?"))
    view.act("a1", "retry")
    view.act("a1", "continue")
    view.act("a1", "previous")
    view.act("a1", "move-up")
    view.act("a1", "move-down")
    view.act("u2", "undo")
    asked = view.asked()
    assert all(each.pop("conversation") == "c1" for each in asked)
    assert asked == [
        {"event": "submit", "do": "retry", "id": "a1"},
        {"event": "submit", "do": "continue", "id": "a1"},
        {"event": "edit", "do": "select", "id": "v0"},
        {"event": "edit", "do": "move", "id": "a1", "by": -1},
        {"event": "edit", "do": "move", "id": "a1", "by": 1},
        {"event": "edit", "do": "undo"},
    ]
    view.act("a1", "delete")
    assert view.asked() == [], "one click deletes nothing"
    view.view("a1").locator('[data-action="delete"]').click()
    assert view.asked()[0]["do"] == "delete"
    view.act("a1", "delete-from")
    view.page.get_by_text("Delete 2 messages?").click()
    assert view.asked()[0] == {"event": "edit", "do": "delete_from", "id": "a1", "conversation": "c1"}


def test_editing_saves_answers_or_leaves_and_inserts(open_view: OpenView) -> None:
    view = open_view()
    view.show(QUESTION, answer("a1", "Rayleigh"))
    page, field = view.page, view.page.get_by_label("Edit this user message").get_by_role("textbox")
    view.act("u1", "edit")
    field.fill("Why?")
    page.keyboard.press("Control+Enter")
    view.act("u1", "edit")
    field.fill("How?")
    page.get_by_role("button", name="Save and answer").click()
    view.act("u1", "edit")
    page.keyboard.press("Escape")
    expect(page.locator(".oc-editor")).to_have_count(0)
    view.act("a1", "edit")
    page.get_by_label("Role").select_option("system")
    page.get_by_role("button", name="Save", exact=True).click()
    view.act("u1", "insert-after")
    page.get_by_label("Role").select_option("tool")
    page.get_by_label("New message").get_by_role("textbox").fill("14 °C")
    page.keyboard.press("Control+Enter")
    page.get_by_role("button", name="Add a system prompt").click()
    page.keyboard.type("Be brief.")
    page.keyboard.press("Control+Enter")
    common = {"conversation": "c1", "event": "edit"}
    assert view.asked() == [
        {**common, "do": "edit", "id": "u1", "content": "Why?", "role": "user"},
        {"conversation": "c1", "event": "submit", "do": "resend", "id": "u1", "content": "How?"},
        {**common, "do": "edit", "id": "a1", "content": "Rayleigh", "role": "system"},
        {**common, "do": "insert", "before": "a1", "role": "tool", "content": "14 °C"},
        {**common, "do": "insert", "before": "u1", "role": "system", "content": "Be brief."},
    ]


def test_focus_stays_after_an_update(open_view: OpenView) -> None:
    view = open_view()
    view.show(QUESTION, answer("v1", "One", versions=versions(1, 3)))
    following = view.view("v1").locator('[data-action="next"]')
    following.focus()
    view.page.keyboard.press("Enter")
    view.show(QUESTION, answer("v2", "Two", versions=versions(2, 4)))
    focused = view.page.evaluate(
        "() => [document.activeElement.dataset.action, document.activeElement.closest('.oc-message').dataset.id]"
    )
    assert focused == ["next", "v2"]


def test_a_stream_draws_only_its_tail_and_ends_without_a_shift(open_view: OpenView) -> None:
    view = open_view()
    view.show(QUESTION, answer("a1", ""), running=["a1"])
    page, shown = view.page, view.view("a1").locator(".oc-content")
    view.live("a1", "First block.\n\nSecond")
    expect(shown).to_contain_text("Second")
    page.evaluate("() => { window.first = document.querySelector('[data-id=a1] .oc-block'); }")
    view.live("a1", "First block.\n\nSecond **block** and ```code")
    expect(shown.locator("strong")).to_have_text("block")
    view.live("a1", "First block.\n\nSecond **block**.\n\n```py\nx = 1")
    expect(shown.locator(".hljs-number")).to_have_text("1")
    page.evaluate("() => { window.code = document.querySelector('[data-id=a1] .oc-code'); }")
    whole = "First block.\n\nSecond **block**.\n\n```py\nx = 1\ny = 22\n```\n"
    view.live("a1", whole)
    expect(shown.locator(".hljs-number")).to_have_text(["1", "22"])
    before = view.view("a1").bounding_box()
    view.show(QUESTION, answer("a1", whole))
    assert view.view("a1").bounding_box() == before
    assert page.evaluate("() => window.first.isConnected && window.code.isConnected")


def test_a_snapshot_and_a_text_that_were_overtaken_change_nothing(open_view: OpenView) -> None:
    view = open_view()
    view.show(answer("a1", ""), running=["a1"], revision=5)
    view.live("a1", "New", revision=7)
    view.live("a1", "Old", revision=6)
    view.show(answer("a0", "Older"), revision=4)
    expect(view.page.locator(".oc-content")).to_have_text("New")


def test_what_streamed_looks_like_what_is_there_at_once(open_view: OpenView) -> None:
    view = open_view()
    text = "# Head\n\n1. one\n\n   more of one\n2. two\n   - three\n\nText\n---\n\n| a |\n|--|\n| $$x$$ |\n\n> quote\nlazy\n\n\\[a\n\nb\\]\n\n    code\n"
    view.show(answer("a1", ""), running=["a1"])
    for end in range(1, len(text) + 1):
        view.live("a1", text[:end])
    view.show(answer("a1", text), answer("a2", text))
    content = "(id) => document.querySelector(`[data-id=${id}] .oc-content`).innerHTML"
    assert view.page.evaluate(content, "a1") == view.page.evaluate(content, "a2")


def test_reasoning_is_open_while_it_is_written(open_view: OpenView) -> None:
    view = open_view()
    view.show(answer("a1", ""), running=["a1"])
    view.live("a1", "", "Let me see", is_thinking=True)
    thought = view.view("a1").locator("details")
    expect(thought).to_have_attribute("open", "")
    expect(thought).to_contain_text("Let me see")
    view.live("a1", "Paris", "Let me see", is_thinking=False)
    expect(thought).not_to_have_attribute("open", "")
    view.show(answer("a1", "Paris", reasoning={"text": "Let me see", "tokens": 124, "seconds": 1.2, "is_open": False}))
    expect(thought.locator("summary")).to_have_text("Thought for 1.2 s · 124 tokens")


def expect_at_the_end(view: ViewPage, paragraphs: int) -> None:
    """So much of the answer that is written now is drawn, and its end is what is seen."""
    expect(view.view("now").locator(".oc-content p")).to_have_count(paragraphs)
    view.page.wait_for_function(
        "() => { const node = document.querySelector('.oc-scroll');"
        " return node.scrollHeight - node.scrollTop - node.clientHeight < 3; }"
    )


def test_autoscroll_lets_go_when_the_reader_scrolls_up(open_view: OpenView) -> None:
    view = open_view()
    history = [answer(f"a{number}", "A paragraph.\n\n" * 6) for number in range(12)]
    view.show(*history, answer("now", ""), running=["now"])
    scroller, newest = view.page.locator(".oc-scroll"), view.page.get_by_role("button", name="Newest")
    view.live("now", "Word.\n\n" * 30)
    expect_at_the_end(view, 30)
    scroller.hover()
    view.page.mouse.wheel(0, -400)
    expect(newest).to_be_visible()
    view.page.wait_for_timeout(300)  # a wheel may glide
    at = scroller.evaluate("(node) => node.scrollTop")
    view.live("now", "Word.\n\n" * 60)
    expect(view.view("now").locator(".oc-content p")).to_have_count(60)
    view.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert scroller.evaluate("(node) => node.scrollTop") == at
    newest.click()
    expect(newest).to_be_hidden()
    view.live("now", "Word.\n\n" * 90)
    expect_at_the_end(view, 90)


def test_the_composers_keys(open_view: OpenView) -> None:
    view = open_view()
    view.show(QUESTION, answer("a1", "Rayleigh"))
    page = view.page
    view.composer.focus()
    page.keyboard.type("One")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("two")
    view.composer.dispatch_event("keydown", {"key": "Enter", "isComposing": True})
    assert view.asked() == []
    page.keyboard.press("Enter")
    sent = {"event": "submit", "conversation": "c1", "do": "send", "text": "One\ntwo", "prefill": "", "files": []}
    assert view.asked() == [sent]
    expect(view.composer).to_have_value("")
    expect(page.locator(".oc-message.is-pending")).to_contain_text("two")
    view.show(QUESTION, answer("a1", "Rayleigh"), message("u2", "user", "One\ntwo"), answer("a2", ""), running=["a2"])
    expect(page.locator(".oc-message.is-pending")).to_have_count(0)
    page.keyboard.type("Next")
    page.keyboard.press("Enter")
    assert view.asked() == [], "while an answer runs nothing is sent"
    expect(view.composer).to_have_value("Next")
    page.locator("body").press("Escape")
    assert view.asked() == [{"event": "stop", "conversation": "c1"}]
    view.show(QUESTION, answer("a1", "Rayleigh"), message("u2", "user", "One\ntwo"))
    view.composer.fill("")
    page.keyboard.press("ArrowUp")
    expect(page.get_by_label("Edit this user message").get_by_role("textbox")).to_have_value("One\ntwo")
    page.keyboard.press("Escape")
    assert view.asked() == []


def test_a_refused_message_comes_back(open_view: OpenView) -> None:
    view = open_view()
    view.show(QUESTION)
    view.composer.fill("Too long")
    view.composer.press("Enter")
    shorten = {"label": "Shorten from the oldest", "action": {"do": "send", "text": "Too long", "shorten": True}}
    view.show(QUESTION, notice={"tone": "warn", "text": "It does not fit.", "hint": "Choose.", "actions": [shorten]})
    expect(view.composer).to_have_value("Too long")
    view.asked()
    view.page.get_by_role("button", name="Shorten from the oldest").click()
    assert view.asked()[0]["shorten"] is True
    view.page.get_by_label("Dismiss").click()
    assert view.asked()[0]["do"] == "dismiss"


TYPE = """(field, texts) => {
  for (const text of texts) { field.value = text; field.dispatchEvent(new Event("input", { bubbles: true })); }
}"""


def test_drafts_survive_a_reload_each_in_its_conversation_and_are_told_once(open_view: OpenView) -> None:
    view = open_view()
    view.show(QUESTION)
    # Typed at once: between two keystrokes of a slow machine it would rightly be told what stands there by then.
    view.composer.evaluate(TYPE, ["Half", "Half a", "Half a thought"])
    view.page.wait_for_function("window.actions.some((each) => each.do === 'draft')")
    view.page.wait_for_timeout(600)
    drafts = [each for each in view.page.evaluate("window.actions") if each["do"] == "draft"]
    assert [each["text"] for each in drafts] == ["Half a thought"]
    view.page.reload()
    view.page.wait_for_function("window.isMounted")
    view.show(QUESTION)
    expect(view.composer).to_have_value("Half a thought")
    view.show(conversation={"id": "c2", "title": "Second", "messages": []})
    expect(view.composer).to_have_value("")
    view.show(QUESTION)
    expect(view.composer).to_have_value("Half a thought")


def test_texts_are_attached_and_a_beginning_is_given(open_view: OpenView) -> None:
    view = open_view()
    view.show(QUESTION)
    page, picker = view.page, view.page.locator('.oc-composer input[type="file"]')
    picker.set_input_files({"name": "a.py", "mimeType": "text/x-python", "buffer": b"x = 1\n"})
    picker.set_input_files({"name": "b.bin", "mimeType": "text/plain", "buffer": b"\x00\x01\xff"})
    expect(page.locator(".oc-toast")).to_have_text("b.bin is not a text. Only texts can be attached.")
    picker.set_input_files({"name": "c.txt", "mimeType": "text/plain", "buffer": b"c" * 1_000_001})
    expect(page.locator(".oc-toast")).to_contain_text("1 MB")
    page.evaluate("navigator.clipboard.writeText('long '.repeat(500))")
    view.composer.focus()
    page.keyboard.press("Control+v")
    chips = page.locator(".oc-chip")
    expect(chips).to_have_count(2)
    chips.last.locator(".oc-chip-open").click()
    expect(page.locator("dialog pre")).to_contain_text("long long")
    page.keyboard.press("Escape")
    page.get_by_label("Take Pasted text.txt away").click()
    page.get_by_label("Start the reply with …").click()
    page.get_by_label("Start the reply with", exact=True).fill("Sure:")
    view.composer.fill("Explain")
    view.composer.press("Enter")
    sent = view.asked()[-1]
    assert (sent["text"], sent["prefill"], sent["files"]) == ("Explain", "Sure:", [{"name": "a.py", "text": "x = 1\n"}])


def test_a_message_is_added_in_any_role_without_an_answer(open_view: OpenView) -> None:
    view = open_view()
    view.show(QUESTION)
    view.composer.fill("Because.")
    view.page.get_by_label("Add without an answer …").click()
    view.page.get_by_role("menuitem", name="Add as Assistant").click()
    added = {"do": "insert", "before": None, "role": "assistant", "content": "Because."}
    assert view.asked() == [{"event": "edit", "conversation": "c1", **added}]
    view.page.get_by_role("button", name="Let the model answer").click()
    assert view.asked() == [{"event": "submit", "conversation": "c1", "do": "answer"}]


def test_tokens_are_asked_for_once_and_coloured(open_view: OpenView) -> None:
    view = open_view()
    view.show(QUESTION, answer("a1", "It is"))
    page = view.page
    page.get_by_role("radio", name="Probability").click()
    page.wait_for_function("window.actions.length")
    assert view.asked() == [{"event": "select", "conversation": "c1", "do": "tokens", "id": "a1"}]
    other = ["It", math.log(0.95)]
    tokens = [
        {"id": 7, "text": "It", "special": False, "seconds": 0.3, "log_probability": math.log(0.95), "alternatives": [other]},
        {"id": 8, "text": " is", "special": False, "seconds": 0.016, "log_probability": math.log(0.04), "alternatives": []},
        {"id": 2, "text": "<|im_end|>", "special": True, "seconds": 0.014, "log_probability": None, "alternatives": []},
    ]  # fmt: skip
    view.reply(kind="tokens", id="a1", tokens=tokens)
    shown = page.locator(".oc-token")
    expect(shown).to_have_count(3)
    expect(page.locator(".oc-legend")).to_contain_text("Probability of each token, %")
    expect(shown.nth(1)).to_have_class("oc-token oc-heat-5")
    shown.nth(0).focus()
    page.keyboard.press("ArrowRight")
    tip = page.locator(".oc-tip")
    expect(tip).to_contain_text("8")
    expect(tip).to_contain_text("·is")
    expect(tip).to_contain_text("16 ms")
    expect(tip).to_contain_text("4.0 %")
    page.get_by_role("radio", name="Latency").click()
    expect(page.locator(".oc-legend")).to_contain_text("ms")
    view.page.reload()
    view.page.wait_for_function("window.isMounted")
    expect(page.get_by_role("radio", name="Latency")).to_be_checked()
    view.show(QUESTION, answer("a1", "It is"))
    view.page.wait_for_function("window.actions.length > 0")
    assert [each["do"] for each in view.asked()] == ["tokens"]


def test_calls_of_tools_are_cards_with_a_field_for_the_result(open_view: OpenView) -> None:
    view = open_view()
    calls = [
        {"id": "c-1", "name": "weather", "arguments": {"city": "Paris"}, "has_result": True, "problems": []},
        {"id": "c-2", "name": "time", "arguments": {}, "has_result": False, "problems": ["zone is missing"]},
    ]
    result = message("t1", "tool", '{"sky":"grey"}', name="weather", tool_call_id="c-1")
    view.show(QUESTION, answer("a1", "", tool_calls=calls), result)
    cards = view.page.locator(".oc-call")
    expect(cards.nth(0)).to_contain_text('"city": "Paris"')
    cards.nth(0).get_by_text("Result ·").click()
    expect(cards.nth(0)).to_contain_text('"sky": "grey"')
    expect(cards.nth(1)).to_contain_text("zone is missing")
    view.page.get_by_label("Result of time").fill("12:00")
    view.show(QUESTION, answer("a1", "", tool_calls=calls), result, revision=2, running=[])
    cards.nth(1).get_by_role("button", name="Send and go on").click()
    expect(view.composer).to_be_focused()
    wanted = {"do": "tool_result", "id": "a1", "call_id": "c-2", "content": "12:00", "go_on": True}
    assert view.asked() == [{"event": "submit", "conversation": "c1", **wanted}]


def test_answers_side_by_side_keep_their_places(open_view: OpenView) -> None:
    view = open_view()
    view.show(QUESTION, answer("a1", "One", group=[answer("a2", "Two")]))
    texts = view.page.locator(".oc-row.is-group .oc-content")
    expect(texts).to_have_text(["One", "Two"])
    view.view("a2").get_by_role("button", name="Use this one").click()
    assert view.asked() == [{"event": "edit", "conversation": "c1", "do": "select", "id": "a2"}]
    view.show(QUESTION, answer("a2", "Two", group=[answer("a1", "One")]))
    expect(texts).to_have_text(["One", "Two"])
    expect(view.view("a2").locator(".oc-badge")).to_have_text("In use")


def test_the_list_searches_renames_deletes_and_imports(open_view: OpenView) -> None:
    view = open_view()
    view.show(QUESTION)
    page = view.page
    expect(page.locator(".oc-day")).to_have_text(["Today", "12 Nov"])
    page.get_by_label("Search conversations").fill("sky")
    page.wait_for_function("window.actions.some((each) => each.do === 'search')")
    page.get_by_text("Second").click()
    page.get_by_label("More about Second").click()
    page.get_by_role("menuitem", name="Rename").click()
    page.get_by_label("Title", exact=True).fill("Third")
    page.keyboard.press("Enter")
    page.locator('.oc-list input[type="file"]').set_input_files(
        {"name": "c.json", "mimeType": "application/json", "buffer": b"[]"}
    )
    page.wait_for_function("window.actions.some((each) => each.do === 'import')")
    asked = [{key: each[key] for key in each if key not in ("event", "conversation")} for each in view.asked()]
    assert asked == [
        {"do": "search", "text": "sky"},
        {"do": "open", "id": "c2"},
        {"do": "rename", "id": "c2", "title": "Third"},
        {"do": "import", "name": "c.json", "text": "[]"},
    ]
    page.get_by_label("More about First").click()
    page.get_by_role("menuitem", name="Delete").click()
    assert view.asked() == []
    page.get_by_text("Delete for good?").click()
    assert view.asked()[0] == {"event": "edit", "conversation": "c1", "do": "remove", "id": "c1"}
    page.get_by_label("Fold the list away").click()
    expect(page.locator(".oc-list")).to_be_hidden()
    page.reload()
    page.wait_for_function("window.isMounted")
    view.show(QUESTION)
    expect(page.locator(".oc-list")).to_be_hidden()
    page.get_by_label("Show the conversations").click()
    expect(page.locator(".oc-list")).to_be_visible()


def test_on_a_phone_the_list_is_a_drawer_and_actions_are_in_a_menu(open_view: OpenView) -> None:
    view = open_view(PHONE, is_touch=True)
    view.show(QUESTION, answer("a1", "A | B\n--|--\n" + "wide " * 60 + "| x\n\n" + "unbreakable" * 60))
    page = view.page
    expect(page.locator(".oc-list")).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    view.view("a1").get_by_label("More").tap()
    page.get_by_role("menuitem", name="Retry").tap()
    assert view.asked()[0]["do"] == "retry"
    page.get_by_label("Show the conversations").tap()
    expect(page.locator(".oc-list")).to_be_visible()
    page.get_by_text("Second").tap()
    expect(page.locator(".oc-list")).to_be_hidden()
    assert view.asked()[0]["do"] == "open"


def test_a_single_dollar_is_a_formula_only_when_it_is_sure_and_a_broken_formula_is_shown_whole(
    open_view: OpenView,
) -> None:
    view = open_view()
    prices = "$5 and $10, $5 or 10$, $HOME and $PATH, $HOME/$USER, US$7"
    view.show(answer("a1", f"{prices}\n\n$x^2$ and $n$th, $\\alpha$. | $5\n\n\\(\\frac{{1}} {{\\) and $$\\oops{{$$"))
    shown = view.view("a1").locator(".oc-block")
    expect(shown.nth(0)).to_have_text(prices)
    expect(shown.nth(1).locator("math")).to_have_count(3)
    expect(shown.nth(1)).to_contain_text("$5")
    expect(shown.nth(2).locator(".is-wrong")).to_have_text([r"\(\frac{1} {\)", r"$$\oops{$$"])


def test_an_edit_that_may_not_be_now_stays_in_its_editor(open_view: OpenView) -> None:
    view = open_view()
    view.show(QUESTION, answer("a1", ""), running=["a1"])
    page, field = view.page, view.page.get_by_label("Edit this user message").get_by_role("textbox")
    view.act("u1", "edit")
    field.fill("Why not?")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".oc-toast")).to_contain_text("still being written")
    page.get_by_role("button", name="Add a system prompt").click()
    page.keyboard.type("Be brief.")
    page.keyboard.press("Control+Enter")
    view.composer.fill("Because.")
    page.get_by_label("Add without an answer …").click()
    page.get_by_role("menuitem", name="Add as Assistant").click()
    assert view.asked() == []
    expect(field).to_have_value("Why not?")
    expect(page.get_by_label("New message").get_by_role("textbox")).to_have_value("Be brief.")
    expect(view.composer).to_have_value("Because.")
    view.show(QUESTION, answer("a1", "Rayleigh"))
    field.fill("  ")
    field.press("Control+Enter")
    expect(page.locator(".oc-toast")).to_contain_text("can't be empty")
    assert view.asked() == []


def test_what_the_server_refuses_is_in_its_editor_again(open_view: OpenView) -> None:
    view = open_view()
    view.show(QUESTION, answer("a1", "Rayleigh"))
    page, field = view.page, view.page.get_by_label("Edit this user message").get_by_role("textbox")
    view.act("u1", "edit")
    field.fill("Why not?")
    field.press("Control+Enter")
    expect(field).to_have_count(0)
    view.show(QUESTION, answer("a1", "Rayleigh"))
    view.reply(kind="told", tone="bad", text="No.")
    expect(field).to_have_value("Why not?", timeout=SOON_MS)
    page.get_by_role("button", name="Save and answer").click()
    view.show(QUESTION, answer("a1", "Rayleigh"), notice={"tone": "bad", "text": "No.", "hint": "", "actions": []})
    expect(field).to_have_value("Why not?", timeout=SOON_MS)
    field.press("Control+Enter")
    changed = (message("u2", "user", "Why not?", versions=versions(1, 2)), answer("a2", "Rayleigh"))
    view.show(*changed)
    view.reply(kind="told", tone="bad", text="Something else.")
    view.show(*changed)
    expect(page.locator(".oc-editor")).to_have_count(0)
    page.get_by_role("button", name="Add a system prompt").click()
    page.keyboard.type("Be brief.")
    page.keyboard.press("Control+Enter")
    view.reply(kind="told", tone="bad", text="No.")
    inserted = page.get_by_label("New message").get_by_role("textbox")
    expect(inserted).to_have_value("Be brief.", timeout=SOON_MS)
    inserted.press("Escape")
    view.composer.fill("Because.")
    page.get_by_label("Add without an answer …").click()
    page.get_by_role("menuitem", name="Add as Assistant").click()
    expect(view.composer).to_have_value("")
    view.reply(kind="told", tone="bad", text="No.")
    expect(view.composer).to_have_value("Because.", timeout=SOON_MS)


def test_open_editors_survive_another_conversation_and_a_new_version(open_view: OpenView) -> None:
    view = open_view()
    here = (QUESTION, answer("a1", "Rayleigh"), message("u2", "user", "And?"))
    view.show(*here)
    page = view.page
    editors = page.locator(".oc-editor-text")
    first, second = editors.first, editors.last
    inserted = page.get_by_label("New message").get_by_role("textbox")
    view.act("u2", "insert-before")
    page.keyboard.type("Between")
    view.act("u1", "edit")
    first.fill("Why not?")
    view.act("u2", "edit")
    second.fill("And then?")
    view.show(conversation={"id": "c2", "title": "Second", "messages": []}, revision=2)
    expect(page.locator(".oc-editor")).to_have_count(0)
    view.show(*here, revision=3)
    expect(page.locator(".oc-editor-text")).to_have_count(3)
    expect(inserted).to_have_value("Between")
    second.focus()
    page.keyboard.press("Home")
    other = message("u9", "user", "Changed elsewhere", versions=versions(1, 2))
    view.show(other, answer("a9", "Rayleigh"), message("u8", "user", "And?"), revision=4)
    expect(first).to_have_value("Why not?")
    expect(second).to_have_value("And then?")
    expect(second).to_be_focused()
    expect(inserted).to_have_value("Between")
    page.keyboard.type("Oh. ")
    page.keyboard.press("Control+Enter")
    first.press("Control+Enter")
    asked = [(each["id"], each["content"]) for each in view.asked()]
    assert asked == [("u8", "Oh. And then?"), ("u9", "Why not?")]


def test_an_open_editor_stays_when_the_new_conversation_gets_its_name(open_view: OpenView) -> None:
    view = open_view()
    view.show(conversation={"id": None, "title": "", "messages": []})
    view.page.get_by_role("button", name="Add a system prompt").click()
    view.page.keyboard.type("Be brief.")
    view.composer.fill("Why?")
    view.composer.press("Enter")
    view.show(message("u1", "user", "Why?"), answer("a1", ""), running=["a1"], revision=2)
    field = view.page.get_by_label("New message").get_by_role("textbox")
    expect(field).to_have_value("Be brief.")
    view.show(conversation={"id": "c2", "title": "Second", "messages": []}, revision=3)
    expect(field).to_have_count(0)
    view.show(message("u1", "user", "Why?"), answer("a1", "Rayleigh"), revision=4)
    expect(field).to_have_value("Be brief.")


def test_saving_what_did_not_change_asks_for_nothing_and_the_focus_goes_back(open_view: OpenView) -> None:
    view = open_view()
    view.show(message("u1", "user", "one\r\ntwo"))
    for key in ("Control+Enter", "Escape"):
        view.act("u1", "edit")
        view.page.keyboard.press(key)
        expect(view.view("u1").locator('[data-action="edit"]')).to_be_focused()
    assert view.asked() == []


def test_files_are_added_as_text_without_an_answer(open_view: OpenView) -> None:
    view = open_view()
    view.show(QUESTION)
    files = [("a.py", "x = 1\n"), ("b.md", "```\ncode\n```"), ("Makefile", "all:"), ("c.tar.gz", "no"), (".env", "A=1")]
    picker = view.page.locator('.oc-composer input[type="file"]')
    for name, text in files:
        picker.set_input_files({"name": name, "mimeType": "text/plain", "buffer": text.encode()})
    expect(view.page.locator(".oc-chip")).to_have_count(len(files))
    view.page.get_by_label("Add without an answer …").click()
    view.page.get_by_role("menuitem", name="Add as User").click()
    attached = [AttachedFile(name=name, text=text) for name, text in files]
    assert view.asked()[0]["content"] == with_files("", attached)
    expect(view.page.locator(".oc-chip")).to_have_count(0)


def test_right_to_left_texts_run_right_to_left(open_view: OpenView) -> None:
    view = open_view()
    view.show(message("u1", "user", "שלום"), answer("a1", "# שלום\n\n- שלום\n\n> שלום\n\nHello\n\n```py\nx\n```"))
    direction = "(nodes) => nodes.map((node) => getComputedStyle(node).direction)"
    shown = view.view("a1").locator(".oc-block :is(h1, li, blockquote, p, pre):not(blockquote p)")
    assert shown.evaluate_all(direction) == ["rtl", "rtl", "rtl", "ltr", "ltr"]
    assert view.view("u1").locator("p").evaluate_all(direction) == ["rtl"]
    view.composer.fill("שלום")
    assert view.composer.evaluate_all(direction) == ["rtl"]


def test_dark_has_dark_scrollbars(open_view: OpenView) -> None:
    page = open_view().page
    scheme = "getComputedStyle(document.documentElement).colorScheme + getComputedStyle(document.body).colorScheme"
    assert "dark" not in page.evaluate(scheme)
    page.evaluate("document.body.classList.add('dark')")
    assert page.evaluate(scheme) == "darkdark"


def test_a_search_hit_is_marked_as_the_search_folds_it(open_view: OpenView) -> None:
    view = open_view()
    listed = [{"id": "c1", "title": "First", "when": "today 14:02", "messages": 2, "snippet": "In der Straße."}]
    for search, mark in (("STRASSE", "Straße"), ("DER", "der")):
        view.show(QUESTION, conversations=listed, search=search)
        expect(view.page.locator("mark")).to_have_text(mark)


def test_escape_stops_only_from_the_view_or_from_nowhere(open_view: OpenView) -> None:
    view = open_view()
    view.show(answer("a1", ""), running=["a1"])
    view.page.evaluate("document.body.append(Object.assign(document.createElement('input'), { id: 'other' }))")
    view.page.locator("#other").press("Escape")
    assert view.asked() == []
    view.composer.press("Escape")
    assert [each["event"] for each in view.asked()] == ["stop"]


def test_with_fingers_enter_breaks_the_line_and_escape_closes_the_drawer(open_view: OpenView) -> None:
    view = open_view(PHONE, is_touch=True)
    view.show(QUESTION)
    view.composer.press("a")
    view.composer.press("Enter")
    expect(view.composer).to_have_value("a\n")
    expect(view.composer).to_have_attribute("placeholder", "Write a message; the button sends it")
    view.page.get_by_label("Send", exact=True).tap()
    assert [each["do"] for each in view.asked()] == ["send"]
    view.page.get_by_label("Show the conversations").tap()
    view.page.keyboard.press("Escape")
    expect(view.page.locator(".oc-list")).to_be_hidden()


STREAM_COST = """async (updates) => {
  const text = "A sentence with a **bold** word and `code` in it. ".repeat(4);
  const costs = [];
  let content = "";
  for (let number = 0; number < updates; number += 1) {
    content += number % 12 === 11 ? "\\n\\n" : text.slice((number * 17) % 150, (number * 17) % 150 + 30);
    const value = { revision: 1, conversation: "c1", answers: [{ id: "now", content, reasoning: null, reasoning_is_open: false, note: "" }] };
    const own = window.requestAnimationFrame;
    await new Promise((done) => {
      window.requestAnimationFrame = (call) => own(() => {
        const began = performance.now();
        call();
        document.querySelector(".oc-scroll").scrollTop; // the layout is part of the cost
        costs.push(performance.now() - began);
        done();
      });
      openarcChat.live(value);
    });
    window.requestAnimationFrame = own;
  }
  return costs.sort((one, other) => one - other)[Math.floor(costs.length / 10)];
}"""
# The lower tenth, and below the least of several: what else the machine does only ever adds.


def test_an_update_costs_the_same_after_a_hundred_messages(open_view: OpenView) -> None:
    cost = {}
    for count in (1, 100):
        view = open_view()
        history = [
            answer(f"a{n}", "Some **markdown**.\n\n- a list\n- of things\n\n```py\nx = 1\n```")
            if n % 2
            else message(f"u{n}", "user", "And the next question, please?")
            for n in range(count)
        ]
        view.show(*history, answer("now", ""), running=["now"])
        view.page.evaluate(STREAM_COST, 20)
        cost[count] = view.page.evaluate(STREAM_COST, 200)
        assert view.view("now").locator(".oc-block").count() > 10, "nothing was drawn"
    print(f"ms per update: {cost[1]:.2f} after 1 message, {cost[100]:.2f} after 100")
    assert cost[100] < cost[1] * 2 + 0.5 and cost[100] < 8


def test_a_snapshot_of_a_hundred_messages_is_drawn_at_once(open_view: OpenView) -> None:
    view = open_view()
    history = [answer(f"a{n}", "Some **markdown**.\n\n- a list\n- of things") for n in range(100)]
    took = "(snapshot) => { const began = performance.now(); window.show(snapshot); return performance.now() - began; }"
    first = view.page.evaluate(took, snapshot(*history))
    again = min(
        view.page.evaluate(took, snapshot(*history, message(f"u{n}", "user", "More"), revision=2 + n)) for n in range(5)
    )
    print(f"ms for 100 messages: {first:.0f} at first, {again:.1f} with one more")
    assert first < 10_000 and again < 150


def test_a_message_sent_just_after_a_new_chat_waits_for_the_new_conversation(open_view: OpenView) -> None:
    view = open_view()
    view.show(message("u1", "user", "Old question"), answer("a1", "Old answer"))
    view.page.get_by_role("button", name="New chat").first.click()
    expect(view.view("a1")).to_have_count(0)
    view.composer.fill("For the new one")
    view.composer.press("Enter")
    assert [each["do"] for each in view.asked()] == ["new"]
    view.show(revision=2, conversation={"id": None, "title": "", "messages": []})
    (sent,) = view.asked()
    assert (sent["do"], sent["text"], sent["conversation"]) == ("send", "For the new one", None)
