"use strict";
(() => {
  const PAGE = 50;
  const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\u2028\u2029]/g;

  function make(name, attributes, ...children) {
    const node = document.createElement(name);
    for (const [key, value] of Object.entries(attributes || {})) {
      if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
      else if (value !== null && value !== undefined && value !== false) node.setAttribute(key, value === true ? "" : value);
    }
    for (const child of children.flat()) if (child !== null && child !== undefined) node.append(child);
    return node;
  }

  // Text is only ever put in as text; what is not seen, or turns the direction, is written out.
  function shown(text) {
    const parts = [];
    let at = 0;
    for (const match of text.matchAll(HIDDEN)) {
      const number = match[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, "0");
      parts.push(text.slice(at, match.index), make("span", { class: "hidden-letter" }, "U+" + number));
      at = match.index + 1;
    }
    parts.push(text.slice(at));
    return parts;
  }

  const plain = (text) => (typeof text === "string" ? text : text.text);
  const clean = (text) => text.replace(HIDDEN, " ").replace(/\s+/g, " ");

  function block(text, kind) {
    const node = make("p", { class: "text " + kind, dir: "auto" }, shown(plain(text)));
    if (typeof text === "string") return [node];
    const said = `Cut here: it has ${text.length.toLocaleString("en")} characters in all.`;
    return [node, make("p", { class: "cut" }, said)];
  }

  function score(value) {
    if (value === null || value === undefined) return "–";
    return typeof value === "number" ? String(Math.round(value * 1e4) / 1e4) : String(value);
  }

  function browser(root) {
    const data = JSON.parse(document.getElementById(root.dataset.samples).textContent);
    const several = data.evaluations.length > 1;
    const rows = data.rows;
    let haystack = null; // made at the first search
    let found = rows.map((_, index) => index);
    let place = 0;
    let page = 0;

    const search = make("input", { type: "search", placeholder: "in question, answer, target", oninput: soon(filter) });
    const scorer = select([["", "any scorer"], ...data.scorers.map((name) => [name, name])], scorerChosen);
    const wanted = select([["", "any score"]], filter);
    const whose = select([["", "any"], ...data.evaluations.map((each, index) => [String(index), each.letter + ": " + each.model])], filter);
    const differs = make("input", { type: "checkbox", onchange: filter });
    const count = make("p", { class: "count", role: "status" });
    const list = make("ol", { "aria-label": "Samples", onkeydown: move });
    const pages = make("span", {});
    const before = make("button", { type: "button", onclick: () => turn(-1) }, "‹ Page");
    const after = make("button", { type: "button", onclick: () => turn(1) }, "Page ›");
    const detail = make("article", { tabindex: "0", "aria-label": "The chosen sample" });
    const filters = make("div", { class: "filters", role: "search" },
      field("Text", search), field("Scorer", scorer), field("Score", wanted),
      several ? field("Model", whose) : null, several ? field("scores differ", differs) : null, count);
    const pager = make("div", { class: "pages" }, before, pages, after);
    root.append(filters, make("div", { class: "panes" }, make("div", { class: "list" }, list, pager), detail));
    scorerChosen();

    function field(name, control) {
      control.id = `${root.dataset.samples}-${name.replace(" ", "-")}`;
      return make("div", { class: control.type === "checkbox" ? "field check" : "field" }, make("label", { for: control.id }, name), control);
    }

    function select(options, changed) {
      const node = make("select", { onchange: changed });
      fill(node, options);
      return node;
    }

    function fill(node, options) {
      node.replaceChildren(...options.map(([value, text]) => make("option", { value }, clean(text))));
    }

    function soon(what) {
      let timer = 0;
      return () => { clearTimeout(timer); timer = setTimeout(what, 120); };
    }

    // The scores that can be asked for: each value where there are few, else below and from the middle.
    function scorerChosen() {
      const options = [["", "any score"]];
      const values = new Set();
      for (const row of rows) for (const answer of row.answers) {
        if (!answer || answer.error) continue;
        for (const [name, value] of Object.entries(answer.scores)) if (!scorer.value || name === scorer.value) values.add(value);
      }
      const numbers = [...values].filter((value) => typeof value === "number").sort((a, b) => a - b);
      const words = [...values].filter((value) => typeof value === "string").sort();
      if (numbers.length <= 8) options.push(...numbers.map((value) => ["n" + value, score(value)]));
      else {
        const middle = (numbers[0] + numbers[numbers.length - 1]) / 2;
        options.push(["<" + middle, "below " + score(middle)], [">" + middle, score(middle) + " and above"]);
      }
      options.push(...words.slice(0, 20).map((word) => ["t" + word, word]));
      if (values.has(null)) options.push(["none", "not counted"]);
      options.push(["error", "no answer (error)"]);
      fill(wanted, options);
      filter();
    }

    function fits(value) {
      const asked = wanted.value;
      if (asked === "none") return value === null;
      if (asked[0] === "t") return value === asked.slice(1);
      if (typeof value !== "number") return false;
      const number = Number(asked.slice(1));
      return asked[0] === "n" ? value === number : asked[0] === "<" ? value < number : value >= number;
    }

    function answers(row) {
      const chosen = whose.value === "" ? row.answers : [row.answers[Number(whose.value)]];
      return chosen.filter((answer) => answer);
    }

    function scoresOf(answer) {
      if (scorer.value) return scorer.value in answer.scores ? [answer.scores[scorer.value]] : [];
      return Object.values(answer.scores);
    }

    function keep(row) {
      const there = answers(row);
      if (!there.length) return false;
      if (wanted.value === "error") return there.some((answer) => answer.error !== undefined);
      if (scorer.value && !there.some((answer) => scorer.value in answer.scores)) return false;
      if (wanted.value && !there.some((answer) => answer.error === undefined && scoresOf(answer).some(fits))) return false;
      if (differs.checked) {
        const said = row.answers.map((answer) => (answer ? JSON.stringify([answer.error !== undefined, scoresOf(answer)]) : ""));
        if (new Set(said).size < 2) return false;
      }
      return true;
    }

    function texts() {
      if (haystack === null) {
        haystack = rows.map((row) => [
          row.id, ...row.input.map((turn) => plain(turn[1])), ...row.target.map(plain),
          ...row.answers.flatMap((answer) => (answer ? [plain(answer.output || ""), plain(answer.error || ""), ...Object.values(answer.why || {}).map(plain)] : [])),
        ].join("\n").toLowerCase());
      }
      return haystack;
    }

    function filter() {
      const text = search.value.trim().toLowerCase();
      found = [];
      rows.forEach((row, index) => {
        if ((!text || texts()[index].includes(text)) && keep(row)) found.push(index);
      });
      place = 0;
      page = 0;
      const all = rows.length === 1 ? "1 sample" : rows.length.toLocaleString("en") + " samples";
      count.textContent = found.length === rows.length ? all : `${found.length.toLocaleString("en")} of ${all}`;
      draw();
    }

    function marks(row) {
      return row.answers.map((answer) => {
        if (!answer) return "·";
        if (answer.error !== undefined) return "error";
        const value = scorer.value ? answer.scores[scorer.value] : Object.values(answer.scores)[0];
        return score(value);
      }).join(" | ");
    }

    function draw() {
      const last = Math.max(0, Math.ceil(found.length / PAGE) - 1);
      page = Math.min(page, last);
      const first = page * PAGE;
      list.replaceChildren(...found.slice(first, first + PAGE).map((index, offset) => {
        const row = rows[index];
        const asked = row.input.length ? plain(row.input[row.input.length - 1][1]) : row.id;
        const current = first + offset === place;
        return make("li", {}, make("button", {
          type: "button", "aria-current": current ? "true" : null, tabindex: current ? "0" : "-1",
          onclick: () => choose(first + offset, true),
        }, make("span", { class: "what", dir: "auto" }, clean(asked).slice(0, 120) || row.id), make("span", { class: "marks" }, clean(marks(row)))));
      }));
      if (!found.length) list.append(make("li", { class: "none" }, "No sample is like that."));
      pages.textContent = found.length > PAGE ? `${first + 1}–${Math.min(first + PAGE, found.length)} of ${found.length}` : "";
      pager.hidden = found.length <= PAGE;
      before.disabled = page === 0;
      after.disabled = page === last;
      detail.replaceChildren(...(found.length ? sample(rows[found[place]]) : [make("p", { class: "none" }, "Change the filters to see samples.")]));
      detail.scrollTop = 0;
    }

    function choose(next, focus) {
      if (next < 0 || next >= found.length) return;
      place = next;
      page = Math.floor(place / PAGE);
      draw();
      const button = list.querySelector('[aria-current="true"]');
      if (focus && button) button.focus();
      if (button) button.scrollIntoView({ block: "nearest" });
    }

    function turn(by) {
      choose(Math.min((page + by) * PAGE, found.length - 1), false);
    }

    function move(event) {
      const by = { ArrowDown: 1, ArrowUp: -1, PageDown: PAGE, PageUp: -PAGE }[event.key];
      const to = event.key === "Home" ? 0 : event.key === "End" ? found.length - 1 : by && place + by;
      if (to === undefined) return;
      event.preventDefault();
      choose(Math.max(0, Math.min(found.length - 1, to)), true);
    }

    function step(by) {
      choose(place + by, false);
      const button = detail.querySelector(by < 0 ? ".previous" : ".next");
      if (button && !button.disabled) button.focus();
    }

    function sample(row) {
      const name = row.id + (row.epoch ? ` (repetition ${row.epoch})` : "");
      const bar = make("div", { class: "bar" }, make("h4", { dir: "auto" }, shown(name)),
        make("span", { class: "minor" }, `${place + 1} of ${found.length}`),
        make("button", { type: "button", class: "previous", onclick: () => step(-1), disabled: place === 0 }, "‹ Previous"),
        make("button", { type: "button", class: "next", onclick: () => step(1), disabled: place === found.length - 1 }, "Next ›"));
      const parts = [bar];
      for (const [role, text] of row.input) parts.push(make("h5", {}, shown(role)), ...block(text, "turn"));
      if (row.target.length) parts.push(make("h5", {}, "target"), ...row.target.flatMap((text) => block(text, "target")));
      parts.push(make("div", { class: "answers" }, row.answers.map((answer, index) => one(answer, data.evaluations[index], index))));
      return parts;
    }

    function one(answer, evaluation, index) {
      const heading = several
        ? make("h5", {}, make("span", { class: "letter series-" + (index % 6) }, evaluation.letter), " answer of ", shown(evaluation.model))
        : make("h5", {}, "answer");
      if (!answer) return make("div", {}, heading, make("p", { class: "none" }, "This was not asked."));
      const parts = [heading];
      if (answer.error !== undefined) parts.push(make("p", { class: "minor" }, "No answer, because of an error:"), ...block(answer.error, "error"));
      if (answer.output !== undefined) parts.push(...block(answer.output, "answer"));
      else if (answer.error === undefined) parts.push(make("p", { class: "none" }, "The answer is empty."));
      if (answer.stop) parts.push(make("p", { class: "cut" }, "It ended because of: " + answer.stop));
      parts.push(make("ul", { class: "scores", "aria-label": "Scores" }, Object.entries(answer.scores).map(([key, value]) =>
        make("li", { class: value === 0 ? "zero" : value === 1 ? "one" : null }, shown(key), " ", make("strong", {}, shown(score(value)))))));
      for (const [key, text] of Object.entries(answer.why || {})) {
        parts.push(make("p", { class: "why", dir: "auto" }, make("strong", {}, shown(key)), ": ", shown(plain(text))));
        if (typeof text !== "string") parts.push(make("p", { class: "cut" }, `Cut here: it has ${text.length.toLocaleString("en")} characters in all.`));
      }
      return make("div", {}, parts);
    }
  }

  for (const root of document.querySelectorAll(".browser")) browser(root);

  // A link to an atom opens it.
  function reveal() {
    const target = location.hash.startsWith("#atom-") && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target) { target.open = true; target.scrollIntoView(); }
  }
  addEventListener("hashchange", reveal);
  reveal();

  // On paper everything is open.
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open])")];
    for (const each of opened) each.open = true;
  });
  addEventListener("afterprint", () => { for (const each of opened) each.open = false; });
})();
