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

// A link into the Tune or the Models tab opens it, wherever it stands. The tab's view reads the rest, but is made only when the tab is first shown.
const NAMES = { tune: "Tune", models: "Models" };
const openTab = (tries = 200) => {
  const found = /^#(tune|models)([?&]|$)/.exec(window.location.hash);
  if (!found) return;
  const tab = [...document.querySelectorAll('#oa-tabs [role="tab"]')].find((each) => each.textContent.trim() === NAMES[found[1]]);
  if (!tab && tries) setTimeout(() => openTab(tries - 1), 50);
  if (tab && tab.getAttribute("aria-selected") !== "true") tab.click();
};
window.addEventListener("hashchange", () => openTab());
openTab();
