// Values that stand in the page deflated, as base64 in script elements (nuclei/report/packed.py), opened when needed.
// The browser has all it takes (atob, DecompressionStream), so no library does it.

const state = JSON.parse(document.getElementById("state").textContent);
const opened = new Map();

async function inflate(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return JSON.parse(await new Response(stream).text());
}

// Promise of the value of a name such as truth/1 or layer/setting1/mask_r50/1.
function unpack(name) {
  if (!opened.has(name)) {
    opened.set(name, inflate(document.getElementById(`packed:${name}`).textContent));
  }
  return opened.get(name);
}

const $ = (id) => document.getElementById(id);

// An element with attributes and children; texts become text nodes, so that nothing of the data becomes HTML.
function make(tag, attributes = {}, ...children) {
  const spaces = { svg: 1, path: 1, line: 1, text: 1, g: 1, circle: 1, title: 1 };
  const element = spaces[tag] ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}
