// Uploads the photo: make it no larger than a page needs, ask the app for a presigned form, send it straight to the
// bucket, tell the app.
"use strict";
(() => {
  const form = document.querySelector("[data-photo]");
  if (!form) return;
  const input = form.querySelector("input[type=file]");
  const state = form.querySelector(".state");
  const token = form.elements.csrf_token.value;

  // Drawn anew, a photo is small, stands upright, and no longer says where it was taken.
  const LONGEST = 2048;
  const redraw = async (file) => {
    const picture = await createImageBitmap(file, { imageOrientation: "from-image" });
    const scale = Math.min(1, LONGEST / Math.max(picture.width, picture.height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(1, Math.round(picture.width * scale));
    canvas.height = Math.max(1, Math.round(picture.height * scale));
    const pen = canvas.getContext("2d");
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.drawImage(picture, 0, 0, canvas.width, canvas.height);
    picture.close();
    return new Promise((done, fail) => {
      canvas.toBlob((blob) => (blob ? done(blob) : fail(new Unreadable())), "image/jpeg", 0.88);
    });
  };
  class Unreadable extends Error {}

  const ask = async (url, body) => {
    const answer = await fetch(url, {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json", "X-CSRFToken": token },
      body: JSON.stringify(body),
    });
    const told = await answer.json();
    if (!answer.ok) throw new Error(told.error);
    return told;
  };

  const send = async (chosen) => {
    const file = await redraw(chosen).catch(() => { throw new Unreadable(form.dataset.kind); });
    if (file.size > Number(form.dataset.most)) throw new Unreadable(form.dataset.large);
    const begun = await ask(form.dataset.begin, { content_type: file.type, size: file.size });
    const parts = new FormData();
    for (const [name, value] of Object.entries(begun.fields)) parts.append(name, value);
    parts.append("file", file);
    // Without CORS on the bucket its answer cannot be read; the app then says whether the photo arrived.
    await fetch(begun.url, { method: "POST", body: parts, mode: "no-cors", credentials: "omit" });
    return ask(form.dataset.confirm, { key: begun.key });
  };

  const say = (text, bad) => {
    state.textContent = text;
    state.classList.toggle("error", bad);
  };

  input.addEventListener("change", async () => {
    const file = input.files[0];
    if (!file) return;
    say(form.dataset.busy, false);
    input.disabled = true;
    try {
      const done = await send(file);
      window.location.assign(done.next);
    } catch (error) {
      say(error instanceof TypeError || error instanceof SyntaxError ? form.dataset.failed : error.message, true);
      input.disabled = false;
      input.value = "";
    }
  });
  form.hidden = false;
})();
