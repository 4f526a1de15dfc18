// Sets a password by the token of a letter's link, or asks for such a letter.
// The token stands after "#": browsers send that part to no server.
"use strict";

const token = location.hash.slice(1);
history.replaceState(null, "", location.pathname);
// A link that is opened in this tab changes only that part, which loads no page.
addEventListener("hashchange", () => location.reload());

const by = (id) => document.getElementById(id);

function show(id) {
  for (const part of document.querySelectorAll("section")) part.hidden = part.id !== id;
  by(id).querySelector("input:not([readonly])")?.focus();
}

async function ask(path, body) {
  const answer = await fetch(`api/v1/${path}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  if (answer.ok) return answer.status === 204 ? null : answer.json();
  const problem = await answer.json();
  throw new Error(problem.errors?.length ? problem.errors[0].detail : problem.detail);
}

// The server words its refusals in the language of the person; this page words lost connections.
const reason = (error) =>
  error instanceof TypeError || error instanceof SyntaxError ? by("away").textContent : error.message;

function onSubmit(id, send) {
  const form = by(id).querySelector("form");
  const wrong = form.querySelector(".wrong");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    wrong.textContent = "";
    form.querySelector("button").disabled = true;
    try {
      await send();
    } catch (error) {
      wrong.textContent = reason(error);
    } finally {
      form.querySelector("button").disabled = false;
    }
  });
}

onSubmit("choose", async () => {
  if (by("password").value !== by("again").value) throw new Error(by("differ").textContent);
  await ask("password-links/use", { token, password: by("password").value });
  show("done");
});

onSubmit("ask", async () => {
  await ask("password-recovery", { email: by("email").value });
  show("asked");
});

by("anew").addEventListener("click", () => show("ask"));

if (token) {
  ask("password-links/look", { token }).then(
    (link) => {
      by("login").value = link.login;
      by("whose").textContent = `${link.full_name}, ${link.partner}`;
      show("choose");
    },
    (error) => {
      by("why").textContent = reason(error);
      show("broken");
    },
  );
} else {
  show("ask");
}
