// What the repository's own page does with the same Markdown, done here: its anchors, its diagrams, its links.
import { languages, title } from "./pages.mjs";
import { target } from "./sources.mjs";

// As GitHub makes anchors, in any writing: lower case, without punctuation, a hyphen for each blank.
export function slugify(title) {
  return title.trim().toLowerCase().replace(/[^\p{L}\p{M}\p{N}\p{Pc}\- ]/gu, "").replaceAll(" ", "-");
}

const languageLine = /^(English \| \[简体中文\]|\[English\]\([^)]*\) \| 简体中文$)/;
const turningLine = /\[(All pages|全部页面)\]\((README|index)\.md\)/;

// The site has a language switch, and links to the previous and the next page: the lines that stand in for them go.
function dropLines(tokens) {
  const isLine = ({ type, content }) => type === "inline" && (languageLine.test(content) || turningLine.test(content));
  const dropped = tokens.flatMap((token, index) => (isLine(token) ? [index - 1, index, index + 1] : []));
  return tokens.filter((_, index) => !dropped.includes(index));
}

// A link whose text is the name of a page gets its title: on the site nobody sees names of files.
function turnText(text, href, page) {
  const [, name] = href.match(/^([\w-]+)\.md/) ?? [];
  const [language] = page.split("/");
  if (name && text.content === `${name}.md` && languages.includes(language)) text.content = title(language, name);
}

function turn(tokens, page) {
  const open = [];
  for (const [index, token] of tokens.entries()) {
    if (token.children) turn(token.children, page);
    if (token.type === "link_open") {
      const { url, folder } = target(token.attrGet("href"), page);
      turnText(tokens[index + 1], token.attrGet("href"), page);
      open.push(folder);
      if (folder) Object.assign(token, { tag: "span", attrs: [["class", "folder"], ["title", folder]] });
      else token.attrSet("href", url);
    }
    if (token.type === "link_close" && open.pop()) token.tag = "span";
  }
}

function diagrams(md) {
  const fence = md.renderer.rules.fence;
  md.renderer.rules.fence = (tokens, index, ...rest) => {
    if (tokens[index].info.trim() !== "mermaid") return fence(tokens, index, ...rest);
    return `<Diagram code="${encodeURIComponent(tokens[index].content)}" />\n`;
  };
}

// A long name may be broken after its points, underscores and slashes; other short code, as an option, nowhere.
function inlineCode(md) {
  md.renderer.rules.code_inline = (tokens, index) => {
    const { content } = tokens[index];
    const text = md.utils.escapeHtml(content);
    if (/^[\w./]{14,}$/.test(content)) return `<code v-pre>${text.replace(/[._/](?=\w)/g, "$&<wbr>")}</code>`;
    return content.length < 28 ? `<code v-pre class="short">${text}</code>` : `<code v-pre>${text}</code>`;
  };
}

export function repository(md) {
  diagrams(md);
  inlineCode(md);
  md.core.ruler.push("repository", (state) => {
    state.tokens = dropLines(state.tokens);
    turn(state.tokens, state.env.relativePath);
  });
}
