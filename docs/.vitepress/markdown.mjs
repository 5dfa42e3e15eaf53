// What the repository's own page does with the same Markdown, done here: its anchors, its diagrams, its links.
import { target } from "./sources.mjs";

// As GitHub makes anchors, in any writing: lower case, without punctuation, a hyphen for each blank.
export const slugify = (title) => title.trim().toLowerCase().replace(/[^\p{L}\p{M}\p{N}\p{Pc}\- ]/gu, "").replaceAll(" ", "-");

const languageLine = /^(English \| \[简体中文\]|\[English\]\([^)]*\) \| 简体中文$)/;
const turningLine = /\[(All pages|全部页面)\]\((README|index)\.md\)/;

// The site has a language switch, and links to the previous and the next page: the lines that stand in for them go.
function dropLines(tokens) {
  const isLine = ({ type, content }) => type === "inline" && (languageLine.test(content) || turningLine.test(content));
  const isDropped = tokens.map((_, index) => [index - 1, index, index + 1].some((near) => tokens[near] && isLine(tokens[near])));
  return tokens.filter((_, index) => !isDropped[index]);
}

function turn(tokens, page) {
  const open = [];
  for (const token of tokens) {
    if (token.children) turn(token.children, page);
    if (token.type === "link_open") {
      const { url, folder } = target(token.attrGet("href"), page);
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

export function repository(md) {
  diagrams(md);
  md.core.ruler.push("repository", (state) => {
    state.tokens = dropLines(state.tokens);
    turn(state.tokens, state.env.relativePath);
  });
}
