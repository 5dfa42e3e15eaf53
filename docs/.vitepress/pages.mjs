// The one list of pages, in the order of the sidebar, for both languages. A page that isn't listed yet comes last.
import fs from "node:fs";
import path from "node:path";

export const docs = path.resolve(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), "..");
export const languages = ["en", "zh-CN"];

const groups = [
  { en: "Start", "zh-CN": "开始", pages: ["README", "start"] },
  { en: "The six stages", "zh-CN": "六个阶段", pages: [1, 2, 3, 4, 5, 6].map((number) => `stage-0${number}`) },
  { en: "At hand", "zh-CN": "随手查", pages: ["glossary", "troubleshooting", "gdb", "fast-path"] },
  { en: "To the byte", "zh-CN": "精确到字节", pages: ["wire", "contract", "checks", "results"] },
  { en: "The kit itself", "zh-CN": "这套工具", pages: ["protection", "tested-on", "house"] },
];

export function title(language, name) {
  const [, text] = fs.readFileSync(path.join(docs, language, `${name}.md`), "utf8").match(/^# +(.+)$/m);
  return text.replaceAll("`", "");
}

export function sidebar(language) {
  const there = fs.readdirSync(path.join(docs, language)).filter((file) => file.endsWith(".md"));
  const left = new Set(there.map((file) => file.slice(0, -".md".length)));
  const take = (pages) => pages.filter((name) => left.delete(name));
  const chosen = groups.map((group) => ({ text: group[language], pages: take(group.pages) }));
  chosen.at(-1).pages.push(...[...left].sort());
  const item = (name) => ({ text: title(language, name), link: `/${language}/${name === "README" ? "" : name}` });
  return chosen.map(({ text, pages }) => ({ text, items: pages.map(item) }));
}
