"use strict";
/* Adds comfort; every screen also works as plain HTML. Nothing is kept in the browser. */

const one = (selector, from = document) => from.querySelector(selector);
const all = (selector, from = document) => [...from.querySelectorAll(selector)];

/* ---- recommendation: at most two, in the order in which they were ticked ---- */
function recommend(form) {
  const say = one("[data-chosen]", form);
  const nothing = say.textContent;
  const picks = all(".pick", form);
  const ordered = picks.filter((pick) => pick.checked)
    .sort((a, b) => a.dataset.order - b.dataset.order);

  const line = (pick) => {
    const when = one(`[name="meeting-${pick.value}"]:checked`, form);
    return when?.value ? `${pick.dataset.name}, ${when.dataset.when}` : pick.dataset.name;
  };

  const show = (problem) => {
    for (const pick of picks) {
      const order = one(".order", pick.closest(".group"));
      const place = ordered.indexOf(pick);
      order.hidden = place < 0;
      order.textContent = place < 0 ? "" : [form.dataset.first, form.dataset.second][place];
    }
    const strong = document.createElement("strong");
    strong.textContent = problem ?? (ordered.length ? ordered.map(line).join("; ") : nothing);
    say.replaceChildren(strong);
    /* The server learns the order in which they were chosen from the order of these. */
    for (const old of all("[name=order]", form)) old.remove();
    for (const pick of ordered) {
      const kept = document.createElement("input");
      Object.assign(kept, { type: "hidden", name: "order", value: pick.value });
      form.append(kept);
    }
  };

  form.addEventListener("change", ({ target }) => {
    if (target.matches(".pick")) {
      if (target.checked && ordered.length === 2) {
        target.checked = false;
        show(form.dataset.two);
        return;
      }
      if (target.checked) ordered.push(target);
      else ordered.splice(ordered.indexOf(target), 1);
      show();
    }
    if (target.matches(".times input")) {
      const next = one(".next", target.closest(".group"));
      one("[data-when]", next).textContent = target.dataset.when;
      one("[data-where]", next).textContent = target.dataset.where;
      show();
    }
  });

  one("[data-review]", form)?.addEventListener("click", (event) => {
    if (ordered.length > 0 || picks.length === 0) return;
    event.preventDefault();
    show(form.dataset.nothing);
    picks[0].focus();
  });
  if (ordered.length) show();
}

/* ---- sign: the patient's answer decides what is written, and which draft stands ---- */
function sign(form) {
  const note = one("#note", form);
  const drafts = { named: note.dataset.named, unnamed: note.dataset.unnamed };
  const effects = all("[data-effect]", form);
  const words = one("[data-words]", form);
  const button = one("[data-sign]", form);
  let offered = note.value;

  const count = () => {
    const number = note.value.trim() ? note.value.trim().split(/\s+/).length : 0;
    words.textContent = words.dataset.words.replace("0", number);
  };

  const choose = (value) => {
    for (const effect of effects) effect.hidden = effect.dataset.effect !== value;
    for (const part of all("[data-for]", form)) {
      part.hidden = !part.dataset.for.split(" ").includes(value);
    }
    button.textContent = button.dataset[value] ?? button.textContent;
    const draft = drafts[value];
    if (draft !== undefined && note.value === offered) {
      note.value = draft;
      offered = draft;
      count();
    }
  };

  form.addEventListener("change", ({ target }) => {
    if (target.name === "agreement") choose(target.value);
  });
  note.addEventListener("input", count);
  one("[data-reset]", form).addEventListener("click", (event) => {
    event.preventDefault();
    const chosen = one("[name=agreement]:checked", form)?.value;
    note.value = drafts[chosen] ?? drafts.named;
    offered = note.value;
    count();
    note.focus();
  });
  /* One press signs once; the server would take a second as the same signature. */
  form.addEventListener("submit", () => { button.setAttribute("aria-disabled", "true"); });

  choose(one("[name=agreement]:checked", form)?.value ?? "");
  count();
}

/* ---- filed: look again until nothing waits ---- */
function filed(part) {
  const wait = [2, 3, 5, 8, 13, 21, 30];
  let round = 0;
  /* A page that is left open must not keep its session alive for ever. */
  let looks = 20;
  const look = async () => {
    try {
      const answer = await fetch(part.dataset.live, { credentials: "same-origin" });
      if (!answer.ok) return;
      const text = await answer.text();
      const fresh = new DOMParser().parseFromString(text, "text/html").querySelector("[data-live]");
      if (!fresh) return;
      if (fresh.textContent !== part.textContent) {
        part.replaceChildren(...fresh.childNodes);
        round = 0;
      }
      part.dataset.settled = fresh.dataset.settled;
    } catch {
      /* No connection: the page says what it knew, and a reload asks again. */
    }
    plan();
  };
  const plan = () => {
    if (part.dataset.settled === "yes" || looks === 0) return;
    looks -= 1;
    setTimeout(look, 1000 * wait[Math.min(round, wait.length - 1)]);
    round += 1;
  };
  plan();
}

/* ---- follow-up: the second question depends on the first ---- */
function outcome(form) {
  const show = () => {
    const went = one("[name=attended]:checked", form)?.value;
    for (const then of all("[data-if]", form)) {
      then.hidden = !then.dataset.if.split(" ").includes(went);
    }
  };
  form.addEventListener("change", show);
  show();
}

/* ---- drafts: kept on the server while they are made, without a press ---- */
let lasting = () => {};

function kept(form) {
  let timer = 0;
  let asking = new AbortController();
  const keep = async () => {
    asking = new AbortController();
    const body = new URLSearchParams(new FormData(form));
    body.set("do", "keep");
    try {
      const answer = await fetch(form.action, {
        method: "POST", body, credentials: "same-origin", redirect: "manual", signal: asking.signal,
      });
      if (answer.type === "opaqueredirect") lasting();
    } catch {
      /* Left again, or no connection: the form still holds what was entered. */
    }
  };
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(keep, 1200);
  });
  /* Whatever is pressed says all of it, and is the last word. */
  form.addEventListener("submit", () => { clearTimeout(timer); asking.abort(); });
}

/* ---- the end of the session: said before it comes, and then nothing is left to see ---- */
function ending(box) {
  const warning = 120;
  let timers = [];
  const seconds = Number(box.dataset.ends);
  lasting = () => {
    timers.forEach(clearTimeout);
    box.hidden = true;
    timers = [
      setTimeout(() => { box.hidden = false; }, 1000 * Math.max(seconds - warning, seconds / 2)),
      setTimeout(() => { location.replace(box.dataset.then); }, 1000 * seconds),
    ];
  };
  one("button", box).addEventListener("click", async () => {
    const answer = await fetch(box.dataset.stay, { method: "POST", credentials: "same-origin" });
    if (answer.ok) lasting();
    else location.replace(box.dataset.then);
  });
  lasting();
}
for (const box of all("[data-ends]")) ending(box);

/* ---- small things ---- */
/* The page is whole now. Style hides these already, where the browser knows how. */
for (const part of all(".skeleton")) part.remove();
/* A page that was sent in parts had its title before the patient was known. */
const titled = one("[data-title]");
if (titled) document.title = titled.dataset.title;

if (window.matchMedia("(max-width: 599px)").matches) {
  for (const part of all(".fold-narrow")) part.open = false;
}

for (const button of all("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}

for (const button of all("[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const source = one(button.dataset.copy);
    const say = one(button.dataset.say);
    try {
      await navigator.clipboard.writeText(source.value ?? source.textContent);
      say.textContent = button.dataset.done;
    } catch {
      /* An EHR's frame may forbid the clipboard: select, so that the keys work. */
      source.focus();
      source.select?.();
      say.textContent = button.dataset.blocked;
    }
  });
}

for (const form of all("form[data-kept]")) kept(form);

for (const part of all("[data-screen]")) {
  ({ recommend, sign, filed, outcome }[part.dataset.screen] ?? (() => {}))(part);
}

all("[role=alert]").find((part) => !part.hidden)?.scrollIntoView({ block: "center" });
