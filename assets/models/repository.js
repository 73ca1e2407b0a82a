// What somebody pastes for a model of the Hub: a name, or the address of its page. Pure.

const NAME = /^[A-Za-z0-9][\w.-]{0,95}\/[A-Za-z0-9][\w.-]{0,95}$/, OTHERS = new Set(["datasets", "spaces", "docs", "collections", "papers", "blog", "models", "api", "settings", "organizations"]);

const DEVICES = /^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?$/i, ENDINGS = [".tmp", ".part", ".incomplete"], OURS = "openarc_files.json", WORDS = ["starter", "none", "default"];
const PART = /-\d{5}-of-\d{5}(?=\.\w+$)/, WEIGHTS = /\.(gguf|safetensors|bin|pt|pth|ckpt)$/i, LONGEST_REVISION = 200;

/**
 * @param {string} text @returns {{repository: string, revision: string, file: string}|null} `file`: the one that an address names, or ""; null: it is none, so it is words to search for
 */
export function repositoryOf(text) {
  const typed = text.trim();
  if (NAME.test(typed)) return { repository: typed, revision: "main", file: "" };
  if (!/^(https?:\/\/|(www\.)?(huggingface\.co|hf\.co|hf-mirror\.com)\/)/i.test(typed)) return null;
  let parts = [];
  try { parts = new URL(/^https?:/i.test(typed) ? typed : `https://${typed}`).pathname.split("/").filter(Boolean).map(decodeURIComponent); } catch { return null; }
  const [owner, name, kind, ...rest] = parts, repository = `${owner}/${name}`;
  if (OTHERS.has(owner) || !NAME.test(repository)) return null;
  const isFile = kind === "blob" || kind === "resolve", named = isFile || kind === "tree" || kind === "commit" ? rest : ["main"];
  // The Hub's own names with slashes, refs/pr/1 and refs/convert/parquet; of another branch only the part before the first slash is known for sure.
  const long = named[0] === "refs" && named.length > 2 ? 3 : 1;
  return { repository, revision: named.slice(0, long).join("/") || "main", file: isFile ? rest.slice(long).join("/") : "" };
}

/** What a revision may be, as models/requests.py has it; "" where it is right. @param {string} revision */
export const revisionProblem = (revision) => revision.length > LONGEST_REVISION ? `At most ${LONGEST_REVISION} characters.` : /^[\p{L}\p{N}./_-]*$/u.test(revision) ? "" : "Letters, digits, dots, slashes, dashes and underscores.";

/**
 * The files that go with one: all parts of the same weights and the small files that are needed; both halves of an IR with its tokenizers.
 * @param {string} path @param {{path: string, is_wanted: boolean}[]} files @returns {Set<string>|null} null: there is no such file
 */
export function filesWith(path, files) {
  const paths = new Set(files.map((each) => each.path)), wanted = files.filter((each) => each.is_wanted).map((each) => each.path), stem = path.replace(/\.[^./]+$/, "");
  const isOfIr = (each) => /\.(xml|bin)$/.test(each) && [".xml", ".bin"].every((ending) => paths.has(each.replace(/\.[^./]+$/, ending)));
  if (!paths.has(path)) return null;
  if (isOfIr(path)) return new Set([...wanted, `${stem}.xml`, `${stem}.bin`]);
  if (!WEIGHTS.test(path)) return new Set([path]);
  const whole = path.replace(PART, "");
  return new Set([...[...paths].filter((each) => each.replace(PART, "") === whole), ...wanted.filter((each) => !WEIGHTS.test(each) && !isOfIr(each))]);
}

/** The page of a repository, to be opened by hand. @param {string} endpoint @param {string} repository */
export const pageOf = (endpoint, repository) => `${endpoint.replace(/\/+$/, "")}/${repository}`;

/** The folder that a repository becomes. @param {string} repository */
export const folderOf = (repository) => repository.split("/").at(-1);

/**
 * What a model's name may be, as the server has it (models/hub/paths.py, models/work/names.py); "" where it is right.
 * @param {string} name @param {string[]} taken @param {{own?: string, isFile?: boolean}} [of] its name now; whether it is a GGUF and no folder
 */
export function nameProblem(name, taken, { own = "", isFile = false } = {}) {
  if (!name) return "A name is needed.";
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name)) return "Letters, digits, dots, dashes and underscores, beginning with a letter or a digit.";
  if (name.length > 96) return "At most 96 characters.";
  if (DEVICES.test(name)) return "Windows keeps this name for a device.";
  if (name.endsWith(".")) return "No dot at the end: Windows would leave it out.";
  if (!isFile && /\.gguf$/i.test(name)) return "A folder whose name ends in .gguf would look like a file.";
  if (ENDINGS.some((ending) => name.endsWith(ending)) || name.toLowerCase() === OURS) return `A name that ends in ${ENDINGS.join(", ")}, or ${OURS}, is none of a model.`;
  if (WORDS.includes(name.toLowerCase())) return `“${name}” stands for a model where a name is asked for, so it can be none’s name.`;
  return name !== own && taken.includes(name) ? "There is a model of this name." : "";
}
