// VitePress looks for the page of a link; this looks for the heading.
import fs from "node:fs";
import path from "node:path";

function pages(folder) {
  return fs.readdirSync(folder, { recursive: true }).filter((file) => file.endsWith(".html"));
}

export function deadAnchors(site, base) {
  const texts = new Map(pages(site).map((page) => [page, fs.readFileSync(path.join(site, page), "utf8")]));
  const idsIn = (text) => new Set([...text.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id));
  const ids = new Map([...texts].map(([page, text]) => [page, idsIn(text)]));
  const dead = [];
  for (const [page, text] of texts) {
    for (const [, file, hash] of text.matchAll(/<a [^>]*href="([^"#:]*)#([^"]+)"/g)) {
      const to = new URL(file, `http://site${base}${page}`).pathname.slice(base.length).replace(/(^|\/)$/, "$1index.html");
      if (!ids.get(decodeURI(to))?.has(decodeURIComponent(hash))) dead.push(`${page}: ${file}#${hash}`);
    }
  }
  return dead;
}
