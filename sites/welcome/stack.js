// stack.json is written at deploy time: only the program knows what the stack serves.

function element(tag, className, ...content) {
  const node = document.createElement(tag);
  node.className = className;
  node.append(...content);
  return node;
}

function reveal(id) {
  const node = document.getElementById(id);
  node.hidden = false;
  return node;
}

// A long host name breaks before a dot, not within a word.
function breakable(text) {
  return text.split(/(?=\.)/).flatMap((part) => [document.createElement("wbr"), part]);
}

function card({ name, url, kind }) {
  const target = new URL(url);
  // A link runs code when its scheme is javascript:, so only web addresses become links.
  if (!/^https?:$/.test(target.protocol)) throw new TypeError(`not a web address: ${url}`);

  const here = target.origin === location.origin;
  const link = element(
    "a",
    "card",
    element("span", "name", ...breakable(name)),
    element("span", "kind", here ? "you are here" : kind),
    element("span", "url", ...breakable(url)),
  );
  link.href = target.href;
  if (here) link.setAttribute("aria-current", "page");

  const item = document.createElement("li");
  item.append(link);
  return item;
}

async function show() {
  // Without no-cache, a browser could show the list of the previous deployment.
  const answer = await fetch("stack.json", { cache: "no-cache" });
  if (!answer.ok) throw new Error(`stack.json: ${answer.status}`);
  const { stack, urls } = await answer.json();
  if (urls.length === 0) throw new Error("stack.json lists no address");

  const cards = urls.map(card);
  reveal("urls").append(...cards);

  // No public authority issues certificates below .localhost: those are from the stack's own.
  if (urls.some(({ url }) => /^https:\/\/[^/:]+\.localhost\b/.test(url))) reveal("own-ca");

  // make acts on `local` unless told otherwise, so on another stack its commands say which.
  if (stack !== "local") {
    for (const code of document.querySelectorAll("[data-make]")) code.textContent += ` STACK=${stack}`;
  }
}

show().catch(() => reveal("no-urls"));
