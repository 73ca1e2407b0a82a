// The field for the Hub's token: typed hidden, sent once to this server, forgotten here. Used below a search and in a refusal.

import { wordButton } from "../chat/buttons.js";
import { make } from "../chat/dom.js";
import { field } from "../tune/fields.js";

/**
 * @param {import("./parts.js").Desk} desk
 * @param {() => void} [done] once the server has a token
 */
export function tokenForm(desk, done = () => {}) {
  const { hub, may } = desk.now(), input = make("input", { type: "password", class: "oc-field", autocomplete: "off", placeholder: "hf_…", "data-name": "token", disabled: !may }), problem = make("p", { class: "ot-bad", role: "alert" });
  const send = async (token) => {
    problem.textContent = input.value = "";
    try {
      await desk.ask("models_token", { token });
      desk.toast(token ? "The token is set; it is kept in memory only." : "The token is gone.");
      if (token) done();
    } catch (error) {
      problem.textContent = error.message;
    }
    desk.again();
  };
  const save = wordButton("Use it", () => { if (input.value.trim()) send(input.value.trim()); else input.focus(); }, { "data-action": "set-token", disabled: !may });
  input.addEventListener("keydown", (event) => { if (event.key === "Enter") { event.preventDefault(); save.click(); } });
  return make("div", {}, make("div", { class: "ol-token-row" }, field("Token of your account", input, "Kept in this server’s memory until it ends; never shown, logged or written down."), make("div", { class: "oc-buttons" }, save, hub.has_token ? wordButton("Forget it", () => send(null), { "data-action": "clear-token", disabled: !may }) : null)), problem);
}
