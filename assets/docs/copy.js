// A button on every block of code that copies it.

import { copyText } from "../chat/clipboard.js";

const SHOWN_MS = 2000;

for (const block of document.querySelectorAll("pre")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = "Copy";
  let again;
  button.addEventListener("click", async () => {
    clearTimeout(again);
    button.textContent = await copyText(block.querySelector("code").textContent.trimEnd()).then(() => "Copied", () => "Not allowed");
    again = setTimeout(() => { button.textContent = "Copy"; }, SHOWN_MS);
  });
  const around = document.createElement("div");
  around.className = "block";
  block.replaceWith(around);
  around.append(block, button);
}
