// Copying and saving texts.

/** Copies; on a page without a secure origin, where the clipboard is closed, by the old way. @param {string} text */
export async function copyText(text) {
  if (navigator.clipboard && window.isSecureContext) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  area.style.position = "fixed";
  area.style.opacity = "0";
  const before = document.activeElement;
  document.body.append(area);
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  before?.focus?.();
  if (!copied) throw new Error("The browser does not let this page copy.");
}

/** @param {string} name @param {string} mime @param {string} text */
export function download(name, mime, text) {
  const address = URL.createObjectURL(new Blob([text], { type: mime || "text/plain" }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name || "conversation.json";
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
