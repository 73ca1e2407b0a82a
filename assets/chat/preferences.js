// What the browser remembers: small choices and drafts. Where it may not remember, everything works without.

const PREFIX = "openarc.chat.";
const MOST_DRAFTS = 40;

/** @param {string} name @param {any} otherwise */
export function remembered(name, otherwise) {
  try {
    const text = localStorage.getItem(PREFIX + name);
    return text === null ? otherwise : JSON.parse(text);
  } catch (error) {
    return otherwise; // storage is switched off, or holds something that is not ours
  }
}

/** @returns {boolean} whether it was kept: storage may be full or switched off */
export function remember(name, value) {
  try {
    if (value === null) localStorage.removeItem(PREFIX + name);
    else localStorage.setItem(PREFIX + name, JSON.stringify(value));
    return true;
  } catch (error) {
    return false;
  }
}

/**
 * @typedef {{text: string, prefill: string, files: {name: string, text: string}[]}} Draft
 * @param {string|null} conversation
 * @returns {Draft}
 */
export function draftOf(conversation) {
  return { text: "", prefill: "", files: [], ...remembered(`draft.${conversation ?? "new"}`, {}) };
}

/** Keeps a draft; the texts of files only while there is room for them. @param {string|null} conversation @param {Draft} draft */
export function keepDraft(conversation, draft) {
  const name = `draft.${conversation ?? "new"}`, isEmpty = !draft.text && !draft.prefill && !draft.files.length;
  const order = remembered("drafts", []).filter((each) => each !== name);
  if (!isEmpty) order.push(name);
  while (order.length > MOST_DRAFTS) remember(order.shift(), null);
  remember("drafts", order);
  if (isEmpty) remember(name, null);
  else if (!remember(name, draft)) remember(name, { ...draft, files: [] });
}
