// Puts the invite code on the clipboard.
"use strict";
(() => {
  const button = document.querySelector("[data-copy]");
  const code = document.querySelector("[data-code]");
  if (!button || !code || !navigator.clipboard) return;
  const text = button.textContent;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(code.textContent.trim());
    } catch {
      // Not allowed: the code is marked, to be copied by hand.
      window.getSelection().selectAllChildren(code);
      return;
    }
    button.textContent = button.dataset.done;
    setTimeout(() => { button.textContent = text; }, 2000);
  });
  button.hidden = false;
})();
