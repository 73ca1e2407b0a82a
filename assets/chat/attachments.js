// Texts that go along with a message: files, dropped files and long pastes, as chips that can be opened and taken away.

import { make, size } from "./dom.js";
import { iconButton, wordButton } from "./buttons.js";
import { icon } from "./icons.js";

const MOST_BYTES = 1_000_000;
export const LONG_PASTE = 2000;
const BINARY = /[\u0000-\u0008\u000e-\u001a\u001c-\u001f]/;

/** @typedef {{name: string, text: string}} Attachment */

export class Attachments {
  /**
   * @param {(text: string, tone?: string) => void} toast
   * @param {{changed: () => void, asText: (text: string) => void}} wishes a chip is to become part of the message
   */
  constructor(toast, wishes) {
    Object.assign(this, { toast, wishes, files: [] });
    this.element = make("div", { class: "oc-chips", role: "list", "aria-label": "Attached texts" });
  }

  /** @param {Attachment[]} files */
  set(files) {
    this.files = [...files];
    this.#draw();
  }

  /** Reads files as text; says a word about each that is none or too large. @param {Iterable<File>} files */
  async add(files) {
    for (const file of files) {
      if (file.size > MOST_BYTES) { this.toast(`${file.name} has ${size(file.size)}; texts up to 1 MB can be attached.`, "bad"); continue; }
      const text = decoded(new Uint8Array(await file.arrayBuffer()));
      if (text === null) this.toast(`${file.name} is not a text. Only texts can be attached.`, "bad");
      else this.addText(file.name, text);
    }
  }

  /** @param {string} name @param {string} text @returns {boolean} */
  addText(name, text) {
    const all = [...this.files, { name, text }].reduce((sum, file) => sum + new Blob([file.text]).size, 0);
    if (all > MOST_BYTES) { this.toast("Attached texts may have 1 MB together.", "bad"); return false; }
    const names = new Set(this.files.map((file) => file.name));
    this.set([...this.files, { name: unlike(name, names), text }]);
    this.wishes.changed();
    return true;
  }

  #draw() {
    this.element.replaceChildren(...this.files.map((file, index) => make("span", { class: "oc-chip", role: "listitem" },
      make("button", { type: "button", class: "oc-chip-open", title: "Open", onclick: () => this.#open(file, index) }, icon("file"), make("b", {}, file.name),
        make("span", { class: "oc-dim" }, size(new Blob([file.text]).size))),
      iconButton("close", `Take ${file.name} away`, () => this.#takeAway(index), { class: "is-small" }))));
  }

  #takeAway(index) {
    this.set(this.files.filter((_, other) => other !== index));
    this.wishes.changed();
  }

  #open(file, index) {
    const dialog = make("dialog", { class: "oc-dialog", "aria-label": file.name },
      make("header", {}, make("b", {}, file.name), make("span", { class: "oc-buttons" },
        wordButton("Put into the message", () => { dialog.close(); this.#takeAway(index); this.wishes.asText(file.text); }, { class: "is-small" }),
        wordButton("Close", () => dialog.close(), { class: "is-small" }))), make("pre", { tabindex: "0" }, file.text));
    dialog.addEventListener("close", () => dialog.remove());
    dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
    this.element.closest(".oc").append(dialog);
    dialog.showModal();
  }
}

function unlike(name, names) {
  if (!names.has(name)) return name;
  const dot = name.lastIndexOf("."), stem = dot > 0 ? name.slice(0, dot) : name, end = dot > 0 ? name.slice(dot) : "";
  for (let number = 2; ; number += 1) if (!names.has(`${stem} (${number})${end}`)) return `${stem} (${number})${end}`;
}

/** UTF-8, or UTF-16 with its mark; null for what is no text. @param {Uint8Array} bytes */
export function decoded(bytes) {
  const utf16 = bytes[0] === 0xff && bytes[1] === 0xfe ? "utf-16le" : bytes[0] === 0xfe && bytes[1] === 0xff ? "utf-16be" : null;
  try {
    const text = new TextDecoder(utf16 || "utf-8", { fatal: true }).decode(bytes);
    return BINARY.test(text) ? null : text;
  } catch (error) {
    return null; // bytes that are no characters
  }
}

/**
 * Files dropped on `target` go to `take`.
 * @param {HTMLElement} target
 * @param {(files: File[]) => void} take
 */
export function acceptDrops(target, take) {
  let depth = 0;
  const hasFiles = (event) => [...(event.dataTransfer?.types || [])].includes("Files");
  const mark = (change) => { depth = Math.max(0, depth + change); target.classList.toggle("is-drop", depth > 0); };
  target.addEventListener("dragenter", (event) => { if (hasFiles(event)) { event.preventDefault(); mark(1); } });
  target.addEventListener("dragleave", (event) => { if (hasFiles(event)) mark(-1); });
  target.addEventListener("dragover", (event) => { if (hasFiles(event)) event.preventDefault(); });
  target.addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    event.stopPropagation();
    mark(-depth);
    take([...event.dataTransfer.files]);
  });
}
