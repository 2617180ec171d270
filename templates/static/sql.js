// The SQL editor: colours, names of tables and columns while one types, and a field for each :parameter.
// Without it the form is a plain text area. Tab is never caught; Escape closes what is open.

const WORDS = new Set(("all and as asc between by case cast collate count cross current_date current_time current_timestamp " +
  "desc distinct else end escape except exists explain false filter from full glob group having in inner intersect " +
  "is isnull join left like limit match materialized natural not notnull null nulls offset on or order outer over partition " +
  "recursive regexp right rows select then true union using values when where window with").split(" "));
const TAKEN = new Set(("add alter autoincrement check commit constraint create default deferrable delete drop foreign index insert " +
  "into nothing primary references returning set table to transaction unique update").split(" "));
const TOKENS = /(?<note>--[^\n]*|\/\*[^]*?(?:\*\/|$))|(?<text>'(?:[^']|'')*(?:'|$))|(?<name>"(?:[^"]|"")*(?:"|$)|\[[^\]\n]*(?:\]|$)|`[^`]*(?:`|$))|(?<value>[:@$][A-Za-z_]\w*)|(?<number>\b(?:0x[\da-f]+|\d+\.?\d*(?:e[+-]?\d+)?)\b)|(?<word>[\p{L}_][\p{L}\p{N}_$]*)/giu;
const PLAIN = /^[a-z_][a-z0-9_]*$/i;
const MOST = 50;
const UNTOUCHED = new Set(["sql"]);

/** Yield each piece of the SQL with what it is; the text between two pieces is nothing special. */
function* pieces(sql) {
  for (const found of sql.matchAll(TOKENS)) {
    const [kind, text] = Object.entries(found.groups).find(([, value]) => value !== undefined);
    yield { kind: kind === "word" && !WORDS.has(text.toLowerCase()) ? "name" : kind, text, at: found.index };
  }
}

/** Fill `under` with the SQL in colours. */
function paint(under, sql) {
  const parts = [];
  let done = 0;
  for (const { kind, text, at } of pieces(sql)) {
    parts.push(sql.slice(done, at));
    if (kind === "name") parts.push(text);
    else {
      const span = document.createElement("span");
      span.className = `sql-${kind}`;
      span.textContent = text;
      parts.push(span);
    }
    done = at + text.length;
  }
  under.replaceChildren(...parts, sql.slice(done), "\n");
}

/** Show a field for each parameter of the SQL; what was typed into one that is gone comes back with it. */
class Parameters {
  constructor(box) {
    this.box = box;
    this.values = new Map();
  }

  show(sql) {
    for (const field of this.box.querySelectorAll("input")) this.values.set(field.name, field.value);
    const names = [...pieces(sql)].filter(({ kind }) => kind === "value").map(({ text }) => text.slice(1));
    const wanted = [...new Set(names)].filter((name) => !UNTOUCHED.has(name));
    const shown = [...this.box.querySelectorAll("input")].map((field) => field.name);
    if (wanted.join() === shown.join()) return;
    this.box.replaceChildren(...wanted.map((name) => this.field(name)));
    this.box.hidden = !wanted.length;
  }

  field(name) {
    const label = document.createElement("label");
    const input = Object.assign(document.createElement("input"), { type: "text", name, value: this.values.get(name) ?? "" });
    label.append(`${name} `, input);
    return label;
  }
}

/** The names that a database has, read once, when somebody begins to type. */
class Names {
  constructor(url) {
    this.url = url;
  }

  load() {
    this.loading ??= fetch(this.url)
      .then((answer) => (answer.ok ? answer.json() : { tables: [], views: [] }))
      .then((body) => [...body.tables, ...body.views].filter((each) => !each.hidden))
      .catch(() => []);
    return this.loading;
  }

  /** Return what may stand for `typed`: columns of the tables that the SQL names come first, or those of `owner` alone. */
  async like(typed, owner, sql) {
    const tables = await this.load();
    const used = new Set([...pieces(sql)].filter(({ kind }) => kind === "name").map(({ text }) => bare(text)));
    const known = new Map();
    const add = (name, of) => known.has(name) || known.set(name, of);
    const near = tables.filter((each) => (owner ? each.name.toLowerCase() === owner : used.has(each.name.toLowerCase())));
    for (const table of near) for (const column of table.columns ?? []) add(column, table.name);
    if (!owner) {
      for (const table of tables) add(table.name, "");
      for (const table of tables) for (const column of table.columns ?? []) add(column, table.name);
    }
    const start = typed.toLowerCase();
    const rank = (name) => (name.toLowerCase().startsWith(start) ? 0 : name.toLowerCase().includes(start) ? 1 : 2);
    return [...known]
      .map(([name, of]) => ({ name, of, rank: rank(name) }))
      .filter((each) => each.rank < 2 && each.name !== typed)
      .sort((one, other) => one.rank - other.rank)
      .slice(0, MOST);
  }
}

const bare = (text) => text.replace(/^["[`]|["\]`]$/g, "").replaceAll('""', '"').toLowerCase();
const quoted = (name) => (PLAIN.test(name) && !WORDS.has(name.toLowerCase()) && !TAKEN.has(name.toLowerCase()) ? name : `"${name.replaceAll('"', '""')}"`);

/** The list under the place where one types: arrow keys choose, Enter takes, Escape closes. */
class Offer {
  constructor(area, form, names, changed) {
    Object.assign(this, { area, form, names, changed, items: [], at: -1, asked: 0 });
    this.list = Object.assign(document.createElement("ul"), { className: "offer", id: "sql-names", hidden: true });
    this.list.setAttribute("role", "listbox");
    this.list.setAttribute("aria-label", form.dataset.label);
    this.said = Object.assign(document.createElement("p"), { className: "out" });
    this.said.setAttribute("role", "status");
    area.parentNode.append(this.list, this.said);
    area.setAttribute("aria-autocomplete", "list");
    area.setAttribute("aria-controls", "sql-names");
    this.list.addEventListener("mousedown", (event) => {
      event.preventDefault();
      const item = event.target.closest("li");
      if (item) this.take([...this.list.children].indexOf(item));
    });
  }

  get open() {
    return !this.list.hidden;
  }

  /** Return the name that is being typed at the caret, and the table before its point. */
  typed() {
    const before = this.area.value.slice(0, this.area.selectionStart);
    let last = null;
    for (const piece of pieces(before)) last = piece;
    const whole = last && last.at + last.text.length === before.length;
    if (whole && (last.kind === "note" || last.kind === "text" || last.kind === "value" || last.kind === "number")) return null;
    const found = /(?:([\p{L}_][\p{L}\p{N}_$]*|"(?:[^"]|"")*")\.)?("?(?:[\p{L}_][\p{L}\p{N}_$]*)?)$/u.exec(before);
    return { owner: found[1] ? bare(found[1]) : "", text: found[2], word: found[2].replace(/^"/, "") };
  }

  async show(always = false) {
    const asked = ++this.asked;
    const typed = this.typed();
    if (!typed || !(typed.word || typed.owner || always)) return this.close();
    const items = await this.names.like(typed.word, this.owner(typed.owner), this.area.value);
    if (asked !== this.asked) return;
    if (!items.length) return this.close();
    this.items = items;
    this.list.replaceChildren(...items.map((item, number) => this.row(item, number)));
    this.list.hidden = false;
    this.place();
    this.choose(-1);
    const said = items.length === 1 ? this.form.dataset.one : this.form.dataset.many;
    this.said.textContent = said.replace(/[01]/, items.length);
  }

  /** Return the table that an alias stands for: `from flights f`, `join flights as f`. */
  owner(name) {
    if (!name) return "";
    const escaped = name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    const found = new RegExp(`(?:from|join|,)\\s+("(?:[^"]|"")*"|[\\p{L}_][\\p{L}\\p{N}_$]*)\\s+(?:as\\s+)?"?${escaped}"?(?![\\p{L}\\p{N}_$])`, "iu").exec(this.area.value);
    return found ? bare(found[1]) : name;
  }

  row({ name, of }, number) {
    const item = Object.assign(document.createElement("li"), { id: `sql-name-${number}`, textContent: name });
    item.setAttribute("role", "option");
    item.setAttribute("aria-selected", "false");
    if (of) item.append(Object.assign(document.createElement("small"), { textContent: of }));
    return item;
  }

  /** Put the list under the caret, which the colours beneath tell: a range of theirs ends where it is. */
  place() {
    const under = this.area.parentNode.querySelector("pre");
    const range = document.createRange();
    let left = this.area.selectionStart;
    const walk = document.createTreeWalker(under, NodeFilter.SHOW_TEXT);
    for (let node = walk.nextNode(); node; node = walk.nextNode()) {
      if (left <= node.length) {
        range.setStart(node, left);
        break;
      }
      left -= node.length;
    }
    const box = this.area.parentNode.getBoundingClientRect();
    const caret = range.getClientRects()[0] ?? range.startContainer.parentNode.getBoundingClientRect();
    this.list.style.top = `${Math.min(caret.bottom - box.top + 4, box.height)}px`;
    this.list.style.left = `${Math.max(0, Math.min(caret.left - box.left, box.width - this.list.offsetWidth))}px`;
  }

  choose(at) {
    this.at = at;
    for (const [number, item] of [...this.list.children].entries()) item.setAttribute("aria-selected", String(number === at));
    if (at < 0) return this.area.removeAttribute("aria-activedescendant");
    this.area.setAttribute("aria-activedescendant", `sql-name-${at}`);
    this.list.children[at].scrollIntoView({ block: "nearest" });
  }

  take(at) {
    const typed = this.typed();
    const end = this.area.selectionStart;
    this.area.setSelectionRange(end - typed.text.length, end);
    // one change that Ctrl+Z takes back, where the browser still knows how
    if (!document.execCommand("insertText", false, quoted(this.items[at].name))) {
      this.area.setRangeText(quoted(this.items[at].name), end - typed.text.length, end, "end");
    }
    this.close();
    this.changed();
  }

  close() {
    this.asked += 1;
    this.list.hidden = true;
    this.said.textContent = "";
    this.choose(-1);
  }

  /** Answer a key; return whether it is dealt with. */
  key(event) {
    if ((event.ctrlKey || event.metaKey) && event.key === "Enter") return this.form.requestSubmit(), true;
    if (event.ctrlKey && event.key === " ") return this.show(true), true;
    if (!this.open) return false;
    const last = this.items.length - 1;
    if (event.key === "ArrowDown") return this.choose(this.at < last ? this.at + 1 : 0), true;
    if (event.key === "ArrowUp") return this.choose(this.at > 0 ? this.at - 1 : last), true;
    if (event.key === "Enter" && this.at >= 0) return this.take(this.at), true;
    if (event.key === "Escape") return this.close(), true;
    return false;
  }
}

function enhance(form) {
  const area = form.querySelector("textarea");
  const under = document.createElement("pre");
  under.setAttribute("aria-hidden", "true");
  area.before(under);
  const parameters = new Parameters(form.querySelector(".parameters"));
  const look = () => {
    paint(under, area.value);
    under.scrollTop = area.scrollTop;
    parameters.show(area.value);
  };
  const offer = new Offer(area, form, new Names(form.dataset.names), look);
  area.setAttribute("aria-describedby", "sql-hint");
  area.addEventListener("input", (event) => {
    look();
    if (event.inputType !== "insertFromPaste" && !event.isComposing) offer.show();
  });
  area.addEventListener("keydown", (event) => offer.key(event) && event.preventDefault());
  area.addEventListener("scroll", () => ((under.scrollTop = area.scrollTop), offer.close()));
  area.addEventListener("blur", () => offer.close());
  area.addEventListener("focus", () => offer.names.load(), { once: true });
  area.parentNode.classList.add("lit");
  look();
}

for (const form of document.querySelectorAll("form.sql")) enhance(form);
