// A test in which a listener prefers one of two systems without knowing which they are.

const FIELDS = [
  ...["study", "listener", "trial", "song", "targets", "a", "a_run", "b", "b_run"],
  ...["choice", "preferred", "seconds", "time"], // seconds since the pair was offered
];

/** Draws pairs of systems and keeps what was judged of them. */
class BlindTest {
  constructor(random = Math.random) {
    this.random = random;
    this.records = [];
    this.saved = 0; // records that a file holds
    this.pending = [];
    this.pair = null; // {a, b}: what stands behind the letters
  }

  /** Draw anew from these pairs: each comes once, in random order, before any comes again. */
  ask(pairs) {
    this.pairs = pairs;
    this.pending = [];
    this.next();
  }

  next() {
    if (!this.pending.length) {
      this.pending = [...this.pairs];
      for (let last = this.pending.length - 1; last > 0; last -= 1) {
        const other = Math.floor(this.random() * (last + 1));
        [this.pending[last], this.pending[other]] = [this.pending[other], this.pending[last]];
      }
    }
    const [one, two] = this.pending.pop() || [null, null];
    this.pair = one === null ? null : this.random() < 0.5 ? { a: one, b: two } : { a: two, b: one };
    this.since = Date.now();
  }

  /** Keep a judgement, "a", "b" or "equal", with what else is known of the trial; draw the next. */
  judge(choice, about) {
    const { a, b } = this.pair;
    const names = { a: a.label, a_run: a.run, b: b.label, b_run: b.run };
    const preferred = choice === "equal" ? "equal" : this.pair[choice].label;
    const seconds = (Date.now() - this.since) / 1000;
    const trial = this.records.length + 1;
    const time = new Date().toISOString();
    this.records.push({ ...about, trial, ...names, choice, preferred, seconds, time });
    this.next();
  }

  get json() {
    return `${JSON.stringify(this.records, FIELDS, 2)}\n`;
  }

  get csv() {
    const quoted = (value) => `"${String(value).replaceAll('"', '""')}"`;
    const lines = this.records.map((record) => FIELDS.map((field) => quoted(record[field])).join(","));
    return [FIELDS.join(","), ...lines, ""].join("\r\n");
  }
}

/** Return every pair of systems that may be asked for: each of the first with each of the second. */
function pairsOf(first, second) {
  const seen = new Set();
  const pairs = [];
  for (const one of first) {
    for (const two of second) {
      const key = [one.run, two.run].sort().join(" ");
      if (one !== two && !seen.has(key)) pairs.push([one, two]);
      seen.add(key);
    }
  }
  return pairs;
}

/** Offer a text as a file to save. */
function download(name, type, text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
