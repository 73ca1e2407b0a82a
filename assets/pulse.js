// The page follows the engine and what happens in other pages: once a second it asks, without Gradio's events, of which
// every message costs the browser time for each component there is. Runs as the body of a function with element, props,
// trigger and server.
const SECOND_MS = 1000, HIDDEN_MS = 5000, LOST_MS = 3000;
let outline = null, isGone = false;
async function beat() {
  if (isGone || !document.contains(element)) return;
  let wait = document.hidden ? HIDDEN_MS : SECOND_MS;
  try {
    const news = await server.pulse(window.openarcChat?.page?.() || "");
    if (news.strip !== props.value) props.value = news.strip;
    if (news.chat) window.openarcChat?.show?.(JSON.parse(news.chat));
    if (outline !== null && news.outline !== outline) trigger("input");
    outline = news.outline;
  } catch (error) {
    wait = LOST_MS; // the server is away; it may come back
  }
  setTimeout(beat, wait);
}
window.addEventListener("pagehide", () => { isGone = true; });
beat();

// Its label is a sign, and Gradio gives a button no other name.
const nameTheme = (tries = 200) => {
  const button = document.querySelector("#oa-theme");
  if (!button) { if (tries) setTimeout(() => nameTheme(tries - 1), 50); return; }
  button.title = "Light or dark";
  button.setAttribute("aria-label", "Light or dark");
};
nameTheme();

// The address says which tab is shown, so that a link opens it and a reload stays there. Tune, Models and Metrics say more
// than their name, and write that themselves; a view of theirs is made only when its tab is first shown.
const PLAIN = ["load", "chat"], OPENED = /^#(load|chat|models|tune)(?=[?&]|$)/;
const tabs = () => [...document.querySelectorAll('#oa-tabs [role="tab"]')];
const nameOf = (tab) => tab.textContent.trim().toLowerCase();
const openTab = (tries = 200) => {
  const found = OPENED.exec(window.location.hash);
  if (!found) return;
  const tab = tabs().find((each) => nameOf(each) === found[1]);
  if (!tab && tries) setTimeout(() => openTab(tries - 1), 50);
  if (tab && tab.getAttribute("aria-selected") !== "true") tab.click();
};
const writeTab = () => {
  const shown = tabs().find((each) => each.getAttribute("aria-selected") === "true"), name = shown ? nameOf(shown) : "";
  if (PLAIN.includes(name) && window.location.hash !== `#${name}`) history.replaceState(history.state, "", `#${name}`);
};
const watchTabs = (tries = 200) => {
  const bar = document.querySelector("#oa-tabs");
  if (bar) new MutationObserver(writeTab).observe(bar, { subtree: true, attributes: true, attributeFilter: ["aria-selected"] });
  else if (tries) setTimeout(() => watchTabs(tries - 1), 50);
};
window.addEventListener("hashchange", () => openTab());
openTab();
watchTabs();
