// What can be done with a configuration: load it, keep it as a profile, copy it as code.

import { wordButton } from "../chat/buttons.js";
import { make } from "../chat/dom.js";
import { check, field } from "./fields.js";
import { copied, dialog, segments } from "./tools.js";

const CODE = [["curl", "curl"], ["python", "Python"], ["gradio_client", "gradio_client"], ["openvino_genai", "OpenVINO GenAI"], ["optimum", "Optimum"]], LONGEST_NAME = 60;

/**
 * @typedef {{root: HTMLElement, ask: (name: string, asked: Object) => Promise<Object>, toast: (words: string, tone?: string) => void, may: () => {may: boolean, why: string, active: Object|null}}} Desk
 * @param {Desk} desk @param {string} run @param {Object} result
 */
export function configurationButtons(desk, run, result) {
  const { configuration_id: id, label } = result.configuration, { may, why, active } = desk.may(), blocked = !may ? why : active ? `“${active.name}” measures now; a model can be loaded once it has ended.` : "";
  const said = make("p", { class: "ot-said", role: "status" });
  const apply = wordButton("Apply", () => load(desk, apply, said, { run_id: run, configuration_id: id }), { class: "is-primary", disabled: Boolean(blocked), title: blocked || "Loads the model with these settings, in place of the one of its name", "data-action": "apply" });
  const keep = wordButton("Save as profile", () => askName(desk, { run_id: run, configuration_id: id }, label), { disabled: !may, title: may ? "Keeps these settings for the Load tab" : why, "data-action": "save-profile" });
  const code = wordButton("Copy as code", () => showCode(desk, { run_id: run, configuration_id: id }), { "data-action": "code" });
  return { buttons: may ? [apply, keep, code] : [], said, blocked };
}

async function load(desk, button, said, asked) {
  button.disabled = true;
  said.className = "ot-said";
  said.textContent = "Loading …";
  try {
    const { words } = await desk.ask("tune_apply", asked);
    said.replaceChildren(make("span", { "aria-hidden": "true" }, "✓ "), words);
    said.classList.add("is-good");
  } catch (error) {
    said.replaceChildren(make("span", { "aria-hidden": "true" }, "✕ "), error.message);
    said.classList.add("is-bad");
  }
  button.disabled = false;
}

function askName(desk, asked, label) {
  const input = make("input", { class: "oc-field", maxlength: "200", autocomplete: "off", value: suggested(label), "data-name": "profile-name" }), problem = make("p", { class: "ot-bad", role: "alert" });
  let replace = false;
  const may = check("Replace the one of this name", false, (isIn) => { replace = isIn; }), save = wordButton("Save", async () => {
    save.disabled = true;
    problem.textContent = "";
    try {
      const { words } = await desk.ask("tune_profile", { ...asked, name: input.value.trim(), replace });
      box.close();
      desk.toast(words);
    } catch (error) {
      problem.textContent = error.message;
      may.hidden = error.code !== "profile_exists";
      save.disabled = false;
    }
  }, { class: "is-primary", "data-action": "save-profile-now" });
  may.hidden = true;
  input.addEventListener("keydown", (event) => { if (event.key === "Enter" && !event.isComposing) { event.preventDefault(); save.click(); } });
  const box = dialog(desk.root, "Save as profile", make("p", { class: "ot-help" }, label), field("Name", input), may, problem, make("div", { class: "oc-buttons" }, save, wordButton("Cancel", () => box.close())));
  input.select();
}

/** A name that a file can have, from what the configuration is called. */
function suggested(label) {
  const whole = `tuned ${label.replace(/[^\w.+ -]+/g, " ").replace(/\s+/g, " ").trim()}`;
  return (whole.length > LONGEST_NAME ? whole.slice(0, LONGEST_NAME + 1).replace(/ [^ ]*$/, "") : whole).slice(0, LONGEST_NAME).trim(); // no word is cut
}

function showCode(desk, asked) {
  const text = make("pre", { class: "om-code", tabindex: "0" }, "…");
  let now = "";
  const show = async (kind) => {
    now = kind;
    choice.show(kind);
    copy.disabled = true;
    try {
      const { code } = await desk.ask("tune_code", { ...asked, kind });
      if (now !== kind) return;
      text.textContent = code;
      copy.disabled = false;
    } catch (error) {
      if (now === kind) text.textContent = `# ${error.message}`;
    }
  };
  const choice = segments("Kind of code", CODE, show), copy = wordButton("Copy", () => copied(copy, text.textContent).catch((error) => desk.toast(error.message, "bad")), { class: "is-primary" });
  dialog(desk.root, "As code", make("div", { class: "ot-scroll" }, choice.element), text, make("div", { class: "oc-buttons" }, copy));
  show("curl");
}
