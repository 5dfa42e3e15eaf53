// Where a link of a page leads on the site. The pages link as the repository's own pages need it: to files beside them
// and, with ../../, to its sources. Each such file becomes a page, so that a reader needs no clone to look into it; a
// folder becomes plain code that tells its path.
import fs from "node:fs";
import path from "node:path";
import { docs, languages } from "./pages.mjs";

const root = path.dirname(docs);
const link = /\]\(([^)\s]+)(?: "[^"]*")?\)/g;
const highlightedAs = { ".h": "cpp", ".hpp": "cpp", ".cpp": "cpp", ".c": "c", ".py": "python", ".sh": "bash",
  ".toml": "toml", ".gdb": "gdb", ".txt": "cmake" };

const pageOf = (source) => (source.endsWith(".md") ? source : `${source}.md`);
const isOutside = (url) => /^([a-z][a-z+.-]*:|\/\/)/i.test(url);

// What is beside a page, as a path from the root of the repository.
function fileOf(page) {
  const [, source] = page.match(/^[\w-]+\/source\/(.*)$/) ?? [];
  if (source) return fs.existsSync(path.join(root, source)) ? source : source.replace(/\.md$/, "");
  return path.posix.join("docs", page.replace(/(^|\/)index\.md$/, "$1README.md"));
}

export function target(url, page) {
  if (isOutside(url) || url.startsWith("#")) return { url };
  const [file, hash] = decodeURI(url).split("#");
  const wanted = path.posix.join(path.posix.dirname(fileOf(page)), file).replace(/\/$/, "");
  const anchor = hash ? `#${hash}` : "";
  const [, own] = wanted.match(/^docs\/((?:en|zh-CN)\/[^/]+\.md)$/) ?? [];
  if (own) return { url: `/${own.replace(/README\.md$/, "index.md")}${anchor}` };
  const found = fs.statSync(path.join(root, wanted), { throwIfNoEntry: false });
  if (!found || wanted.startsWith("..")) throw new Error(`${fileOf(page)}: a dead link: ${url}`);
  if (found.isDirectory()) return { folder: wanted };
  return { source: wanted, url: `/${page.split("/")[0]}/source/${pageOf(wanted)}${anchor}` };
}

function linked(page, text) {
  return [...text.matchAll(link)].map(([, url]) => target(url, page).source).filter(Boolean);
}

function sources() {
  const found = new Set();
  const look = (page, text) => {
    for (const source of linked(page, text)) {
      if (found.has(source)) continue;
      found.add(source);
      if (source.endsWith(".md")) look(`en/source/${source}`, fs.readFileSync(path.join(root, source), "utf8"));
    }
  };
  for (const language of languages) {
    for (const file of fs.readdirSync(path.join(docs, language)).filter((name) => name.endsWith(".md"))) {
      look(`${language}/${file}`, fs.readFileSync(path.join(docs, language, file), "utf8"));
    }
  }
  return [...found].sort();
}

function asPage(source) {
  const text = fs.readFileSync(path.join(root, source), "utf8");
  if (source.endsWith(".md")) return text;
  const fence = "`".repeat(Math.max(3, ...[...text.matchAll(/`+/g)].map(([run]) => run.length + 1)));
  const language = highlightedAs[path.extname(source)] ?? "text";
  return `# \`${source}\`\n\n${fence}${language}:line-numbers\n${text.replace(/\n?$/, "\n")}${fence}\n`;
}

export function sourcePages() {
  const pages = sources().map((source) => ({ source, content: asPage(source) }));
  return languages.flatMap((language) =>
    pages.map(({ source, content }) => ({ params: { page: `${language}/${pageOf(source).slice(0, -".md".length)}` }, content })));
}
