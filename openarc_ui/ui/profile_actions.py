"""What the profiles bar does: fill the form, keep, forget, import. It returns updates and knows no layout."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import gradio as gr
from pydantic import ValidationError

from openarc_ui.errors import InvalidRequest, OpenArcError
from openarc_ui.profiles import MAX_FILE_BYTES, NAME_RULE, Profile, ProfileStore
from openarc_ui.ui.load_form import FORM_FIELDS, FormValues, form_of, values_of
from openarc_ui.ui.profiles_bar import NONE, chosen, export_link, said, went_wrong

READ_FILE = """(nothing, mayReplace) => new Promise((resolve) => {
  const input = Object.assign(document.createElement("input"), { type: "file", accept: ".json" });
  input.addEventListener("cancel", () => resolve(["", mayReplace]));
  input.addEventListener("change", async () => resolve([await input.files[0].slice(0, MOST_BYTES).text(), mayReplace]));
  input.click();
})""".replace("MOST_BYTES", str(MAX_FILE_BYTES + 1))
"""The file is read in the browser: nothing is uploaded. One byte too many is told from a whole file."""


class ProfileActions:
    """The bar's actions over one store. Outputs of keeping: the choice, the words, the export link, the replace box."""

    def __init__(self, profiles: ProfileStore) -> None:
        self._profiles = profiles

    def use(self, name: str) -> tuple[Any, ...]:
        """Updates for the whole form, the model it is for, then the choice, the words and the export link."""
        nothing = [gr.skip()] * (len(FORM_FIELDS) + 1)
        if not name:
            return *nothing, gr.skip(), "", export_link(NONE)
        try:
            profile = self._profiles.get(name)
        except OpenArcError as error:
            return *nothing, chosen(self._profiles, NONE), went_wrong(error), export_link(NONE)
        form = values_of(profile.load)
        updates = [gr.update(value=getattr(form, field)) for field in FORM_FIELDS]
        words = said(profile.description) if profile.description else ""
        return *updates, form.model, gr.skip(), words, export_link(name)

    def keep(self, name: str, may_replace: bool, *values: Any) -> tuple[Any, ...]:
        """Keep the form under a name."""
        try:
            profile = _profile(name, replace(form_of(list(values)), allow_overcommit=False))
            self._profiles.save(profile, replace=bool(may_replace))
        except OpenArcError as error:
            return gr.skip(), went_wrong(error), gr.skip(), _replace_box(error)
        return (
            chosen(self._profiles, profile.name),
            said(f"{profile.name} is saved."),
            export_link(profile.name),
            _replace_box(None),
        )

    def forget(self, name: str) -> tuple[Any, ...]:
        """Delete a profile; an empty name is a question that was answered with no, or nothing was chosen."""
        if not name:
            return gr.skip(), said("Choose the profile to delete first."), gr.skip(), gr.skip()
        try:
            self._profiles.delete(name)
        except OpenArcError as error:
            return chosen(self._profiles, NONE), went_wrong(error), export_link(NONE), gr.skip()
        return chosen(self._profiles, NONE), said(f"{name} is deleted."), export_link(NONE), gr.skip()

    def bring(self, text: str | None, may_replace: bool) -> tuple[Any, ...]:
        """Keep a profile that comes as the text of a file, choose it and fill the form; a refusal leaves the form as it is.

        Outputs: as `use`, and the replace box.
        """
        nothing = [gr.skip()] * (len(FORM_FIELDS) + 1)
        if not text:
            return *nothing, gr.skip(), gr.skip(), gr.skip(), gr.skip()
        try:
            if len(text.encode()) > MAX_FILE_BYTES:
                raise InvalidRequest("The file is too large to be a profile.", "Choose a file that OpenArc exported.")
            profile = self._profiles.import_text(text, replace=bool(may_replace))
        except OpenArcError as error:
            return *nothing, gr.skip(), went_wrong(error), gr.skip(), _replace_box(error)
        form = self.use(profile.name)[: len(FORM_FIELDS) + 1]
        words = said(f"{profile.name} is imported and fills the form.")
        return *form, chosen(self._profiles, profile.name), words, export_link(profile.name), _replace_box(None)


def _profile(name: str | None, form: FormValues) -> Profile:
    wanted = (name or "").strip()
    if not wanted:
        raise InvalidRequest("The profile needs a name.", "Write one, then press Save.")
    try:
        return Profile(name=wanted, load=form.as_request())
    except ValidationError as error:
        first = error.errors()[0]
        if first["loc"][:1] != ("name",):
            raise InvalidRequest(f"{first['msg'].removeprefix('Value error, ')}.", "Correct the form.") from None
        raise InvalidRequest(f"'{wanted[:40]}' can't be the name of a profile.", _sentence(NAME_RULE)) from None


def _replace_box(error: OpenArcError | None) -> Any:
    """Shown when a profile of that name exists already."""
    exists = error is not None and error.code == "profile_exists"
    return gr.update(visible=exists) if exists else gr.update(visible=False, value=False)


def _sentence(rule: str) -> str:
    return rule[:1].upper() + rule[1:].rstrip(".") + "."
