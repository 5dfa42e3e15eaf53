// Blocks of the language console are quoted sessions: what was typed is told from what the programs said.
const command = /^((?:\$|\(gdb\)) )(.*?)( +# .*)?$/;

const span = (name, value) => ({
  type: "element", tagName: "span", properties: { class: name }, children: [{ type: "text", value }],
});

const closing = { do: "done", then: "fi", "{": "}" };

// How the last line of a command begins that goes on after this one: of a here-document, a loop, a group.
function lastLineAfter(line) {
  const [, word] = line.match(/<<-? ?['"]?(\w+)['"]?/) ?? [];
  return word ?? closing[line.match(/(?:^|\s)(do|then|\{)$/)?.[1]];
}

// Each line of a session as [prompt, typed, note], or [] if a program said it.
export function typedIn(lines) {
  let end; // of a command of several lines, within one
  return lines.map((line) => {
    if (end !== undefined) {
      if (line.split(/[\s;']/)[0] === end) end = undefined;
      return ["", line, ""];
    }
    const [, prompt, typed, note = ""] = line.match(command) ?? [];
    if (!prompt) return [];
    end = lastLineAfter(typed);
    return [prompt, typed, note];
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
