// Checks a page as tools for accessibility do and returns what is wrong, a line each: names, labels, headings, ids, contrast.
() => {
  const wrong = [];
  const where = (node) => `<${node.tagName.toLowerCase()} class="${node.getAttribute("class") || ""}"> ${node.textContent.trim().slice(0, 40)}`;
  const seen = (node) => node.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true });

  if (!document.documentElement.lang) wrong.push("the page says no language");
  if (!document.title) wrong.push("the page has no title");
  for (const name of ["main", "header", "nav", "footer"]) if (document.querySelectorAll(`body > ${name}`).length !== 1) wrong.push(`not one <${name}>`);

  const ids = [...document.querySelectorAll("[id]")].map((node) => node.id);
  for (const id of new Set(ids)) if (ids.filter((other) => other === id).length > 1) wrong.push(`the id ${id} is there twice`);
  for (const attribute of ["aria-labelledby", "aria-describedby", "for"]) {
    for (const node of document.querySelectorAll(`[${attribute}]`)) if (!document.getElementById(node.getAttribute(attribute))) wrong.push(`${attribute} leads nowhere: ${where(node)}`);
  }

  let level = 0;
  for (const node of document.querySelectorAll("h1, h2, h3, h4, h5, h6")) {
    const next = Number(node.tagName[1]);
    if (next > level + 1) wrong.push(`a heading skips a level: ${where(node)}`);
    if (!node.textContent.trim()) wrong.push(`an empty heading: ${where(node)}`);
    level = next;
  }
  if (document.querySelectorAll("h1").length !== 1) wrong.push("not one h1");

  for (const node of document.querySelectorAll("input, select, textarea")) if (!node.labels.length && !node.getAttribute("aria-label")) wrong.push(`no label: ${where(node)}`);
  for (const node of document.querySelectorAll("button, a, summary")) if (!(node.textContent.trim() || node.getAttribute("aria-label"))) wrong.push(`no name: ${where(node)}`);
  for (const node of document.querySelectorAll("svg:not([aria-hidden])")) if (!node.getAttribute("aria-label")) wrong.push(`a picture without words: ${where(node)}`);
  for (const node of document.querySelectorAll("th")) if (!node.scope) wrong.push(`a heading of a table without scope: ${where(node)}`);
  for (const node of document.querySelectorAll("[tabindex]")) if (Number(node.getAttribute("tabindex")) > 0) wrong.push(`a tabindex above 0: ${where(node)}`);
  for (const node of document.querySelectorAll("div, section, article, pre, ol")) {
    const style = getComputedStyle(node);
    const scrolls = /auto|scroll/.test(style.overflowX + style.overflowY) && (node.scrollHeight > node.clientHeight + 1 || node.scrollWidth > node.clientWidth + 1);
    if (scrolls && seen(node) && node.tabIndex < 0 && !node.querySelector("a, button, input, [tabindex]")) wrong.push(`scrolls, but not by keyboard: ${where(node)}`);
  }

  const parse = (text) => { const [r, g, b, a = 1] = text.match(/[\d.]+/g).map(Number); return [r, g, b, a]; };
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)).reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour[3] === 1) return colour;
      if (colour[3] > 0) wrong.push(`a background that is half there: ${where(at)}`);
    }
    return [255, 255, 255, 1];
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || /^(script|style|noscript|title)$/i.test(node.tagName) || !seen(node) || node.closest(":disabled")) continue;
    const svg = node.closest("svg");
    const ink = parse(getComputedStyle(node)[svg ? "fill" : "color"]);
    const box = svg && node.closest("g.atom") && node.closest("g.atom").querySelector("rect");
    const paper = box ? parse(getComputedStyle(box).fill) : ground(svg ? svg.parentElement : node);
    const [a, b] = [light(ink), light(paper)].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    const style = getComputedStyle(node);
    const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (large ? 3 : 4.5)) wrong.push(`contrast ${ratio.toFixed(2)}: ${where(node)}`);
  }
  return [...new Set(wrong)];
}
