// Of a quoted session, the button copies what a reader types, not what the programs said.
export function copyOnlyCommands() {
  if (typeof document === "undefined") return;
  const copy = (event) => {
    const block = event.target.closest?.("button.copy")?.closest(".language-console");
    if (!block) return;
    const typed = [...block.querySelectorAll(".typed")].map((each) => each.textContent);
    if (!typed.length) return;
    event.stopImmediatePropagation();
    navigator.clipboard.writeText(typed.join("\n"));
    event.target.classList.add("copied");
    setTimeout(() => event.target.classList.remove("copied"), 2000);
  };
  window.addEventListener("click", copy, { capture: true });
}
