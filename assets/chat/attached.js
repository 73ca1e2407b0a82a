// Files that go along with a message, as text a model can read: what openarc_ui/ui/chat/attached.py writes.

const LANGUAGES = { py: "python", js: "javascript", ts: "typescript", md: "markdown", rs: "rust", sh: "bash", yml: "yaml", cc: "cpp", h: "c", rb: "ruby", kt: "kotlin" };

/** A message with its files below, each in a fenced block under its name. @param {string} text @param {{name: string, text: string}[]} files */
export const withFiles = (text, files) => [...(text.trim() ? [text] : []), ...files.map(block)].join("\n\n");

/** The fence is longer than any in the file, so the file can't end its block. */
function block(file) {
  const longest = Math.max(2, ...(file.text.match(/`{3,}/g) || []).map((run) => run.length)), fence = "`".repeat(longest + 1);
  const ending = (/[^/]\.([^./]+)$/.exec(file.name)?.[1] || "").toLowerCase();
  const language = Object.hasOwn(LANGUAGES, ending) ? LANGUAGES[ending] : /^[a-z0-9+#-]{1,12}$/.test(ending) ? ending : "";
  const name = file.name.replaceAll("\n", " ").trim();
  return `${name ? `${name}\n` : ""}${fence}${language}\n${file.text}${file.text.endsWith("\n") ? "" : "\n"}${fence}`;
}
