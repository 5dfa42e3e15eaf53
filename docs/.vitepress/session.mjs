// Blocks of the language console are quoted sessions: what was typed is told from what the programs said.
const command = /^((?:\$|\(gdb\)) )(.*?)( +# .*)?$/;

const span = (name, value) => ({
  type: "element", tagName: "span", properties: { class: name }, children: [{ type: "text", value }],
});

// Each line of a session as [prompt, typed, note], or [] if a program said it. A here-document is typed as well.
export function typedIn(lines) {
  let end; // the word that ends the here-document, within one
  return lines.map((line) => {
    if (end !== undefined) {
      if (line === end) end = undefined;
      return ["", line, ""];
    }
    const [, prompt, typed, note = ""] = line.match(command) ?? [];
    end = typed?.match(/<<-? ?['"]?(\w+)['"]?/)?.[1];
    return prompt ? [prompt, typed, note] : [];
  });
}

export const session = {
  name: "session",
  line(node, number) {
    if (this.options.lang !== "console") return;
    const lines = this.source.split("\n");
    const [prompt, typed, note] = typedIn(lines)[number - 1];
    node.children = typed === undefined
      ? [{ type: "text", value: lines[number - 1] }]
      : [span("prompt", prompt), span("typed", typed), span("note", note)];
  },
};
