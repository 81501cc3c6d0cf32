// Keys for the buttons, and votes only on what can be seen. Without this file the buttons work by themselves.
"use strict";

const form = document.querySelector("main form");
const undo = document.querySelector(".undo button");
const pictures = [...form.querySelectorAll("img")];
const choices = { ArrowLeft: "left", ArrowRight: "right", "=": "equal", " ": "equal" };
let cast = false;

form.addEventListener("submit", (event) => {
  if (cast || !pictures.every((picture) => picture.complete)) event.preventDefault();
  else cast = true;
});

document.addEventListener("keydown", (event) => {
  if (event.repeat || event.altKey || event.ctrlKey || event.metaKey) return;
  if (event.key === "u") undo?.click();
  const choice = choices[event.key];
  if (!choice) return;
  if (event.key === " " && event.target !== document.body) return; // it presses the button that has the focus
  event.preventDefault();
  form.querySelector(`[value=${choice}]`).click();
});

for (const picture of pictures) {
  const failed = () => location.reload(); // the server leaves out a picture that it could not send
  if (picture.complete && !picture.naturalWidth) failed();
  picture.addEventListener("error", failed);
}

window.addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload(); // back to a ballot that is cast
});
