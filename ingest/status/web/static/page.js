// Keeps the page up to date from /api/events. What it shows, and in which format, stands in the elements
// (see ingest/status/web/page.py); whatever comes from the run is written as text, never as HTML.
"use strict";

const UNKNOWN = "–";
const WORDS = { ok: "Healthy", degraded: "Needs attention", failing: "Failing" };
const AGES = [["10s", 10], ["1min", 60], ["10min", 600], ["1h", 3600]];
const SILENT_S = 6;
const RETRY_MS = 3000;
const HOUR_S = 3600;

const byId = (id) => document.getElementById(id);
const number = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

// --- values ----------------------------------------------------------------------------------

function seconds(found) {
  if (found < 10) return `${Number(Number(found.toFixed(3)).toPrecision(2))} s`;
  const whole = Math.round(found);
  const two = (one) => String(one).padStart(2, "0");
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  if (whole < 86400) return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} min`;
  return `${Math.floor(whole / 86400)} d ${Math.floor((whole % 86400) / 3600)} h`;
}

function partitions(numbers) {
  const runs = [];
  for (const one of [...numbers].sort((a, b) => a - b)) {
    const last = runs[runs.length - 1];
    if (last && one === last[1] + 1) last[1] = one;
    else runs.push([one, one]);
  }
  return runs.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(",") || "none";
}

function size(bytes) {
  const mb = bytes / 2 ** 20;
  if (mb >= 1024) {
    return `${(mb / 1024).toLocaleString("en-US", { minimumFractionDigits: 1, maximumFractionDigits: 1 })} GB`;
  }
  return mb >= 10 ? `${number.format(mb)} MB` : `${mb.toFixed(1)} MB`;
}

function shown(found, format, at) {
  if (found === null || found === undefined || found === "") return format.startsWith("optional") ? "" : UNKNOWN;
  switch (format) {
    case "count": return number.format(found);
    case "seconds": return seconds(found);
    case "ago":
    case "optional-ago": return `${seconds(Math.max(at - found, 0))} ago`;
    case "clock": return new Date(found * 1000).toLocaleTimeString("en-GB");
    case "bytes": return size(found);
    case "partitions": return partitions(found);
    default: return String(found);
  }
}

const debugCommand = (one) => `ingest debug --topic ${one.topic} --partition ${one.partition}`;

const atPath = (value, path) => path.split(".").reduce((found, name) => (found == null ? null : found[name]), value);

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function mark(element, name, value) {
  if (element.dataset[name] !== value) element.dataset[name] = value;
}

function ageOf(partition) {
  const age = partition.oldest_age_s;
  if (age === null) return partition.lag === 0 ? "none" : "unknown";
  const found = AGES.find(([, upto]) => age < upto);
  return found ? found[0] : "old";
}

// --- spark lines -----------------------------------------------------------------------------

function sparkPath(samples, everyS) {
  const most = Math.max(0, ...samples.filter((one) => one !== null)) || 1;
  let pen = "M";
  let path = "";
  samples.forEach((sample, index) => {
    const x = 100 - (((samples.length - 1 - index) * everyS) / HOUR_S) * 100;
    if (sample === null || x < 0) {
      pen = "M";
      return;
    }
    path += `${pen}${x.toFixed(1)} ${(27 - (sample / most) * 25).toFixed(1)}`;
    pen = "L";
  });
  return path;
}

function sparks(snapshot) {
  for (const svg of document.querySelectorAll("[data-spark]")) {
    const samples = snapshot.history[svg.dataset.spark];
    const path = sparkPath(samples, snapshot.history.every_s);
    if (svg.firstElementChild.getAttribute("d") === path) continue;
    svg.firstElementChild.setAttribute("d", path);
    const known = samples.filter((one) => one !== null);
    const { name, format } = svg.dataset;
    const label = known.length
      ? `at most ${shown(Math.max(...known), format, 0)}, now ${shown(samples[samples.length - 1], format, 0)}`
      : "nothing known yet";
    svg.setAttribute("aria-label", `${name}, last hour: ${label}`);
  }
}

// --- tables ----------------------------------------------------------------------------------

class Table {
  constructor(table) {
    this.table = table;
    this.body = table.tBodies[0];
    this.name = table.dataset.rows;
    this.keys = table.dataset.key ? table.dataset.key.split(" ") : [];
    this.columns = [...table.tHead.rows[0].cells].map((cell) => ({ cell, ...cell.dataset, css: cell.className }));
    this.rows = new Map();
    for (const row of this.body.rows) if (row.dataset.key !== undefined) this.rows.set(row.dataset.key, this.adopt(row));
    if (!this.keys.length) this.body.replaceChildren();
    this.sortBy = null;
    this.descending = false;
    this.wanted = () => true;
    this.most = Infinity;
    if (this.keys.length) this.columns.forEach((column) => this.sortable(column));
  }

  adopt(row) {
    return { row, cells: [...row.cells].map((cell) => cell.firstElementChild || cell) };
  }

  sortable(column) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = column.cell.textContent;
    column.cell.replaceChildren(button);
    button.addEventListener("click", () => {
      this.descending = this.sortBy === column ? !this.descending : column.css === "n";
      this.sortBy = column;
      for (const other of this.columns) other.cell.removeAttribute("aria-sort");
      column.cell.setAttribute("aria-sort", this.descending ? "descending" : "ascending");
      if (this.last) this.update(...this.last);
    });
  }

  make(key) {
    const row = document.createElement("tr");
    row.dataset.key = key;
    const cells = this.columns.map(({ format, css }) => {
      const cell = row.insertCell();
      cell.className = css;
      if (format !== "state" && format !== "level") return cell;
      const chip = document.createElement("span");
      chip.className = "chip";
      cell.append(chip);
      return chip;
    });
    return { row, cells };
  }

  sorted(list) {
    if (!this.sortBy) return this.unsorted ? this.unsorted(list) : list;
    const { field } = this.sortBy;
    const way = this.descending ? -1 : 1;
    return [...list].sort((a, b) => {
      const [one, two] = [a[field], b[field]];
      if (one === two) return 0;
      if (one === null) return 1; // unknown ones come last, both ways
      if (two === null) return -1;
      return (one < two ? -1 : 1) * way;
    });
  }

  update(list, at) {
    this.last = [list, at];
    const kept = new Set();
    let place = this.body.firstElementChild;
    const found = this.sorted(list.filter(this.wanted));
    this.found = found.length;
    found.slice(0, this.most).forEach((value, index) => {
      const key = this.keys.length ? this.keys.map((name) => value[name]).join(" ") : String(index);
      if (!this.rows.has(key)) this.rows.set(key, this.make(key));
      const { row, cells } = this.rows.get(key);
      kept.add(key);
      this.columns.forEach(({ field, format }, column) => {
        write(cells[column], format === "debug" ? debugCommand(value) : shown(value[field], format, at));
        if (format === "state") mark(cells[column], "health", value.health);
        if (format === "level") mark(cells[column], "level", value.level);
      });
      if (row === place) place = place.nextElementSibling;
      else this.body.insertBefore(row, place);
    });
    for (const [key, { row }] of this.rows) {
      if (kept.has(key)) continue;
      row.remove();
      this.rows.delete(key);
    }
    if (this.updated) this.updated(list.length);
  }
}

const tables = [...document.querySelectorAll("table[data-rows]")].map((table) => new Table(table));
const partitionTable = tables.find((table) => table.name === "partitions");

// A table of 1,000 rows takes a browser a second: the worst come first, the others on request
// (see ingest/status/web/partitions.py).
const HEALTHS = ["ok", "degraded", "failing"];
const AGE_CLASSES = ["none", "10s", "1min", "10min", "1h", "old", "unknown"];

function limitRows(table) {
  const most = Number(byId("rest").dataset.most);
  table.most = most;
  table.unsorted = (list) => {
    if (table.last[0].length <= most) return list;
    const rank = new Map(list.map((one) => [one, HEALTHS.indexOf(one.health) * 10 + AGE_CLASSES.indexOf(ageOf(one))]));
    return [...list].sort((a, b) => rank.get(b) - rank.get(a));
  };
  table.updated = (all) => {
    const hidden = table.found <= table.most;
    byId("more").hidden = hidden;
    byId("all").hidden = all <= most;
    byId("rest").hidden = all <= most;
    write(byId("all"), `Table of all ${number.format(all)}`);
    const order = table.sortBy || all <= most ? "" : ", those that need attention first";
    const rows = Math.min(table.found, table.most);
    write(byId("rest-text"), `${number.format(rows)} of ${number.format(all)}${order}.`);
  };
  byId("more").addEventListener("click", () => {
    table.most += most;
    table.update(...table.last);
  });
}

// --- the grid of partitions --------------------------------------------------------------------

const cells = new Map();
let gridKeys = "";

function buildGrid(list) {
  cells.clear();
  const grids = byId("grids");
  const topics = new Map();
  for (const one of list) {
    if (!topics.has(one.topic)) {
      const block = document.createElement("div");
      const name = document.createElement("p");
      name.className = "muted";
      name.textContent = one.topic;
      const grid = document.createElement("div");
      grid.className = `grid ${list.length <= 128 ? "few" : "many"}`;
      block.append(name, grid);
      topics.set(one.topic, { block, grid });
    }
    const cell = document.createElement("i");
    cell.className = "cell";
    cell.textContent = one.partition;
    topics.get(one.topic).grid.append(cell);
    cells.set(cell, one);
  }
  grids.replaceChildren(...[...topics.values()].map(({ block }) => block));
}

function grid(snapshot) {
  const list = snapshot.partitions;
  const keys = list.map((one) => `${one.topic} ${one.partition}`).join();
  if (keys !== gridKeys) {
    buildGrid(list);
    gridKeys = keys;
    write(byId("how-many"), number.format(list.length));
  }
  let index = 0;
  for (const cell of cells.keys()) {
    const one = list[index];
    index += 1;
    cells.set(cell, one);
    mark(cell, "age", ageOf(one));
    mark(cell, "health", one.health);
  }
}

function point(event) {
  const one = cells.get(event.target);
  if (!one) return;
  const oldest = one.oldest_age_s === null ? "" : `, oldest message ${seconds(one.oldest_age_s)}`;
  const lag = one.lag === null ? "lag not known" : `lag ${number.format(one.lag)}`;
  const worker = one.worker === null ? "no worker" : `worker ${one.worker}`;
  const paused = one.reason ? `, ${one.reason}` : "";
  write(byId("pointed"), `${one.topic}, partition ${one.partition}: ${one.state}, ${lag}${oldest}, ${worker}${paused}`);
}

function choose() {
  const text = byId("find").value.trim().toLowerCase();
  const attention = byId("attention").checked;
  partitionTable.wanted = (one) =>
    (!attention || one.health !== "ok") &&
    (!text || String(one.partition) === text || `${one.topic} ${one.state}`.toLowerCase().includes(text));
  if (partitionTable.last) {
    partitionTable.update(...partitionTable.last);
    write(byId("found"), text || attention ? `${number.format(partitionTable.found)} found` : "");
  }
}

// --- the whole page ----------------------------------------------------------------------------

let heardAt = 0;
let lostAt = null;
let last = null;
let announced = "";

function title(health) {
  const state = lostAt === null || last.ended ? WORDS[health] : "Connection lost";
  document.title = `${state} · ${last.topics.join(", ")} · ingest`;
  const icon = lostAt === null || last.ended ? health : "lost";
  const href = `/static/${icon}.svg`;
  if (byId("icon").getAttribute("href") !== href) byId("icon").setAttribute("href", href);
}

function announce(health, sentence) {
  // Numbers change every second; a screen reader is told when anything else does.
  const now = `${WORDS[health]}. ${sentence}`;
  const same = now.replace(/[\d.,]+/g, "#");
  if (same === announced) return;
  if (announced) byId("announced").textContent = now;
  announced = same;
}

function show(snapshot) {
  last = snapshot;
  mark(document.body, "health", snapshot.health);
  write(byId("word"), WORDS[snapshot.health]);
  write(byId("sentence"), snapshot.sentence);
  announce(snapshot.health, snapshot.sentence);
  write(byId("up"), seconds(snapshot.at - Number(byId("up").dataset.since)));
  for (const element of document.querySelectorAll("[data-value]")) {
    write(element, shown(atPath(snapshot, element.dataset.value), element.dataset.format, snapshot.at));
  }
  for (const part of document.querySelectorAll("[data-part]")) {
    const { health, fault } = snapshot[part.dataset.part];
    mark(part, "health", health);
    mark(part.querySelector(".fault"), "lasts", String(Boolean(fault && fault.lasts)));
    const word = !fault ? "No error reported." : fault.lasts ? "Error, and it lasts:" : "Last error, over now:";
    write(part.querySelector("[data-fault-word]"), word);
  }
  sparks(snapshot);
  grid(snapshot);
  for (const table of tables) {
    const list = table.name === "events" ? snapshot.events.slice(-50).reverse() : snapshot[table.name];
    table.update(list, snapshot.at);
  }
  if (snapshot.ended) finals();
  title(snapshot.health);
}

let asked = false;

async function finals() {
  if (asked) return;
  asked = true;
  try {
    const found = await (await fetch("/api/account")).json();
    if (!found.final) {
      asked = false;
      return;
    }
    byId("finals").replaceChildren(
      ...found.accounts.map(({ topic, totals }) => {
        const row = document.createElement("tr");
        const head = document.createElement("th");
        head.scope = "row";
        head.textContent = topic;
        row.append(head);
        for (const name of ["consumed", "acknowledged", "dead_lettered", "duplicates_possible", "lag"]) {
          const cell = row.insertCell();
          cell.className = "n";
          cell.textContent = shown(totals[name], "count", 0);
        }
        return row;
      }),
    );
    byId("final").hidden = false;
  } catch {
    asked = false;
  }
}

// --- the connection ------------------------------------------------------------------------------

let source = null;

function link() {
  const element = byId("link");
  if (lostAt === null) {
    mark(element, "state", "live");
    write(byId("link-text"), "Live");
  } else if (last && last.ended) {
    mark(element, "state", "ended");
    write(byId("link-text"), `The run has ended with exit code ${last.exit_code}. This is its last state.`);
  } else {
    mark(element, "state", "lost");
    const since = new Date(lostAt).toLocaleTimeString("en-GB");
    write(byId("link-text"), `Connection lost since ${since}. Trying again; nothing here is newer.`);
  }
  mark(document.body, "link", element.dataset.state);
  if (last) title(last.health);
}

function heard() {
  heardAt = Date.now();
  lostAt = null;
}

function lost() {
  if (lostAt === null) lostAt = heardAt || Date.now();
  link();
}

function connect() {
  if (source) source.close();
  source = new EventSource("/api/events");
  source.addEventListener("message", (event) => {
    const snapshot = JSON.parse(event.data);
    if (last && last.run !== snapshot.run) {
      location.reload(); // another run serves this address now
      return;
    }
    heard();
    show(snapshot);
    link();
  });
  source.addEventListener("error", lost);
}

setInterval(() => {
  if (Date.now() - heardAt < SILENT_S * 1000) return;
  lost();
  if (!source || source.readyState === EventSource.CLOSED) connect();
}, RETRY_MS);

if (byId("tools")) {
  limitRows(partitionTable);
  byId("tools").hidden = false;
  byId("pointed").hidden = false;
  byId("find").addEventListener("input", choose);
  byId("attention").addEventListener("change", choose);
  byId("grids").addEventListener("pointerover", point);
  connect();
} else {
  setTimeout(() => location.reload(), 1000); // the run is starting
}
