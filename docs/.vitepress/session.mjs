// Blocks of the language console are quoted sessions: what was typed is told from what the programs said.
const typed = /^((?:\$|\(gdb\)) )(.*?)( +# .*)?$/;

const span = (name, value) => ({
  type: "element", tagName: "span", properties: { class: name }, children: [{ type: "text", value }],
});
const textOf = (node) => node.value ?? node.children.map(textOf).join("");

export const session = {
  name: "session",
  line(node) {
    if (this.options.lang !== "console") return;
    const text = textOf(node);
    const [, prompt, command, note = ""] = text.match(typed) ?? [];
    node.children = prompt
      ? [span("prompt", prompt), span("typed", command), span("note", note)]
      : [{ type: "text", value: text }];
  },
};
