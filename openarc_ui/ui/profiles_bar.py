"""The profiles above the form: choose, save, delete, export, import. Components and their words only."""

from __future__ import annotations

from dataclasses import dataclass, replace
from html import escape
from typing import Any
from urllib.parse import quote

import gradio as gr

from openarc_ui.errors import OpenArcError
from openarc_ui.profiles import ProfileStore
from openarc_ui.ui.load_form import FormValues

NONE = ""
NEEDS_KEY = "Profiles need the administration key."


@dataclass(frozen=True, slots=True)
class ProfilesBar:
    """Its components."""

    profile: gr.Dropdown
    state: gr.HTML
    export: gr.HTML
    name: gr.Textbox
    replace: gr.Checkbox
    save: gr.Button
    delete: gr.Button
    upload: gr.Button
    note: gr.HTML


def build_profiles_bar() -> ProfilesBar:
    """The components, inside whatever is open. Which profiles there are is told when the page is opened, to whom it may be."""
    profile = gr.Dropdown(
        [("None", NONE)],
        value=NONE,
        label="Profile",
        info="Fills the form with a saved load",
        interactive=True,
        elem_id="oa-profile",
    )
    state = gr.HTML(elem_classes="oa-tight oa-note", elem_id="oa-profile-state")
    with gr.Accordion("Save, export or import a profile", open=False):
        with gr.Row(equal_height=True):
            name = gr.Textbox(
                label="Save the form as",
                placeholder="a name",
                max_lines=1,
                scale=3,
                interactive=True,
                elem_id="oa-profile-name",
            )
            save = gr.Button("Save", size="sm", scale=0, min_width=90, elem_id="oa-profile-save")
        replace = gr.Checkbox(
            False,
            label="Replace the profile of that name",
            visible=False,
            interactive=True,
            elem_id="oa-profile-replace",
        )
        with gr.Row(equal_height=True):
            export = gr.HTML(export_link(NONE), elem_classes="oa-tight", elem_id="oa-profile-export")
            upload = gr.Button("Import a file", size="sm", scale=0, min_width=130, elem_id="oa-profile-import")
            delete = gr.Button("Delete the chosen one", size="sm", variant="stop", scale=0, min_width=170)
    note = gr.HTML(elem_classes="oa-tight oa-note", elem_id="oa-profile-note")
    return ProfilesBar(profile, state, export, name, replace, save, delete, upload, note)


def profile_choices(profiles: ProfileStore) -> list[tuple[str, str]]:
    """No profile, then every one that can be used; "last good" stands first among them."""
    try:
        entries = profiles.list()
    except OpenArcError:
        entries = ()
    usable = [(entry.name, entry.name) for entry in entries if entry.profile is not None]
    return [("None", NONE), *usable]


def chosen(profiles: ProfileStore, name: str) -> Any:
    """An update that shows the profiles there are now, and this one chosen."""
    return gr.update(choices=profile_choices(profiles), value=name)


def export_link(name: str) -> str:
    """The link that downloads a profile as a file."""
    if not name:
        return '<p class="oa-about">Choose a profile to export it as a file.</p>'
    return f'<p class="oa-about"><a href="/profiles/{quote(name)}/export" download>Export {escape(name)}</a></p>'


def differs_from(profiles: ProfileStore, name: str, form: FormValues) -> str:
    """Whether the form still holds what the chosen profile says."""
    if not name:
        return ""
    try:
        kept, now = profiles.get(name).load, replace(form, allow_overcommit=False).as_request()
    except OpenArcError:
        return ""
    words = f"The form holds what {name} says." if kept == now else f"The form differs from {name}."
    return f'<p class="oa-about">{escape(words)}</p>'


def said(words: str) -> str:
    """A sentence under the profiles."""
    return f'<p class="oa-about" role="status">{escape(words)}</p>'


def went_wrong(error: OpenArcError) -> str:
    """An error under the profiles."""
    return f'<p class="oa-about warn" role="alert">{escape(error.message)} {escape(error.hint)}</p>'


def broken_words(profiles: ProfileStore) -> str:
    """What stands under the profiles when the page is opened: files that can't be used."""
    try:
        broken = [entry for entry in profiles.list() if entry.profile is None]
    except OpenArcError as error:
        return went_wrong(error)
    return "".join(f'<p class="oa-about warn">{escape(entry.name)}: {escape(entry.problem)}</p>' for entry in broken)
