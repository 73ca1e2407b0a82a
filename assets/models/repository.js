// What somebody pastes for a model of the Hub: a name, or the address of its page. Pure.

const NAME = /^[A-Za-z0-9][\w.-]{0,95}\/[A-Za-z0-9][\w.-]{0,95}$/, OTHERS = new Set(["datasets", "spaces", "docs", "collections", "papers", "blog", "models", "api", "settings", "organizations"]);

/**
 * @param {string} text @returns {{repository: string, revision: string}|null} null: it is none, so it is words to search for
 */
export function repositoryOf(text) {
  const typed = text.trim();
  if (NAME.test(typed)) return { repository: typed, revision: "main" };
  if (!/^(https?:\/\/|(www\.)?(huggingface\.co|hf\.co|hf-mirror\.com)\/)/i.test(typed)) return null;
  let parts = [];
  try { parts = new URL(/^https?:/i.test(typed) ? typed : `https://${typed}`).pathname.split("/").filter(Boolean).map(decodeURIComponent); } catch { return null; }
  const [owner, name, kind, ...rest] = parts, repository = `${owner}/${name}`;
  if (OTHERS.has(owner) || !NAME.test(repository)) return null;
  const revision = kind === "tree" || kind === "commit" ? rest[0] : kind === "blob" || kind === "resolve" ? rest[0] : "main";
  return { repository, revision: revision || "main" };
}

/** The page of a repository, to be opened by hand. @param {string} endpoint @param {string} repository */
export const pageOf = (endpoint, repository) => `${endpoint.replace(/\/+$/, "")}/${repository}`;

/** The folder that a repository becomes. @param {string} repository */
export const folderOf = (repository) => repository.split("/").at(-1);

/** What a folder's name may be; "" where it is right. @param {string} name @param {string[]} taken @param {string} [own] its name now */
export function nameProblem(name, taken, own = "") {
  if (!name) return "A name is needed.";
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name)) return "Letters, digits, dots, dashes and underscores, beginning with a letter or a digit.";
  if (name.length > 96) return "At most 96 characters.";
  return name !== own && taken.includes(name) ? "There is a model of this name." : "";
}
