/**
 * @file The chat page in Chromium, against a real `trunkline up`: windows are people, and they do what people do.
 *
 * `CHROMIUM` names the browser. With `UPDATE_SCREENSHOT=1` the picture for the README is written to `docs/images/chat.png`.
 */

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { after, afterEach, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

import { TrunklineUp } from "../../clients/js/test/trunkline-up.js";
import { until } from "../../clients/js/test/until.js";

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const CHROMIUM_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const SCREENSHOT = fileURLToPath(new URL("../../docs/images/chat.png", import.meta.url));
/** A reconnect after a restart: the restart itself, and a back-off of some seconds. */
const RECONNECT_PATIENCE_MS = 40_000;
const ACTION_PATIENCE_MS = 10_000;

let server;
let browser;
let windows = [];
let faults = [];

before(async () => {
  server = await TrunklineUp.start();
  browser = await chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_ARGUMENTS });
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

afterEach(async () => {
  for (const window of windows) await window.context.close();
  windows = [];
  const found = faults;
  faults = [];
  assert.deepEqual(found, [], "no page reported an error");
});

/** A browser window of its own: its storage is nobody else's. */
class Window {
  /** @returns {Promise<Window>} */
  static async open(options = {}) {
    const context = await browser.newContext({ viewport: { width: 1180, height: 760 }, locale: "en-GB", ...options });
    context.setDefaultTimeout(ACTION_PATIENCE_MS);
    const window = new Window(context, await context.newPage());
    windows.push(window);
    return window;
  }

  constructor(context, page) {
    this.context = context;
    this.page = page;
    page.on("pageerror", (error) => faults.push(String(error.stack)));
    page.on("console", (line) => {
      // A refused connect is what the tests with a killed server are about.
      if (line.type() === "error" && !/ERR_CONNECTION_REFUSED|WebSocket/.test(line.text())) faults.push(line.text());
    });
  }

  get(testid) {
    return this.page.getByTestId(testid);
  }

  async signIn(name, device) {
    await this.page.goto(server.page);
    await this.get("name").fill(name);
    if (device !== undefined) {
      await this.get("device-toggle").click();
      await this.get("device").fill(device);
    }
    await this.get("name").press("Enter");
    await this.online();
    return this;
  }

  async online(patienceMs = ACTION_PATIENCE_MS) {
    await this.page.locator(".dot.is-up").waitFor({ timeout: patienceMs });
  }

  async startWith(name, kind = "person") {
    await this.get("new-chat").click();
    // The name's field has the focus, also after the kind was chosen.
    if (kind === "group") await this.page.locator("label[for=kind-group]").click();
    await this.page.keyboard.insertText(name);
    await this.get("new-open").click();
    await this.get("new-chat-dialog").waitFor({ state: "detached" });
    await this.shows(name);
  }

  /** The row of a conversation in the list. */
  row(title) {
    return this.get("conversation").filter({ has: this.page.locator(".row-title", { hasText: new RegExp(`^${title}$`) }) });
  }

  async pick(title) {
    await this.row(title).getByRole("button").click();
    await this.shows(title);
  }

  async shows(title) {
    await until(async () => (await this.get("title").textContent()) === title, `${title} is open`);
  }

  async say(text) {
    await this.get("composer").fill(text);
    await this.get("composer").press("Enter");
  }

  texts() {
    return this.get("messages").getByTestId("text").allTextContents();
  }

  hears(...texts) {
    return until(async () => sameEnd(await this.texts(), texts), `${JSON.stringify(texts)} are the last messages`, RECONNECT_PATIENCE_MS);
  }

  async fate(text) {
    return this.get("message").filter({ hasText: text }).last().getAttribute("data-fate");
  }

  unread(title) {
    return this.row(title).getAttribute("data-unread");
  }
}

function sameEnd(all, end) {
  return JSON.stringify(all.slice(-end.length)) === JSON.stringify(end);
}

let names = 0;

/** A person of one's own for every test: the data of the others is none of its business. */
function someone(name) {
  names += 1;
  return `${name}${names}`;
}

test("two windows, two people, two nodes: they talk, and see what was read", async () => {
  const [a, m] = [someone("Alice"), someone("小明")];
  const alice = await (await Window.open()).signIn(a);
  const ming = await (await Window.open({ locale: "zh-CN" })).signIn(m);
  assert.notEqual(await alice.get("where").textContent(), (await ming.get("where").textContent()).replace("位于", "on"), "each is on another node");
  assert.equal(await ming.page.locator("html").getAttribute("lang"), "zh-CN");

  await alice.startWith(m);
  await alice.say("Hello, 小明!");
  await until(async () => (await ming.unread(a)) === "1", "one unread");
  assert.match(await ming.page.title(), /^\(1\)/);
  assert.equal(await alice.fate("Hello"), "kept");

  await ming.pick(a);
  await ming.hears("Hello, 小明!");
  await until(async () => (await alice.fate("Hello")) === "read", "the read mark");
  assert.equal(await ming.unread(a), "0");
  assert.doesNotMatch(await ming.page.title(), /^\(/);

  await ming.get("composer").pressSequentially("你好");
  await until(async () => (await alice.get("typing").textContent()).includes(m), "who is typing");
  await ming.say("你好，Alice！我在另一个节点上。");
  await alice.hears("Hello, 小明!", "你好，Alice！我在另一个节点上。");
  await until(async () => (await ming.fate("你好")) === "read", "the read mark of the other side");
  assert.match(await alice.get("heard").textContent(), /你好/);
});

test("a third joins a group, unread is counted, and nobody else hears it", async () => {
  const [a, m, b, c] = [someone("Alice"), someone("小明"), someone("Bob"), someone("Carol")];
  const group = someone("项目组");
  const alice = await (await Window.open()).signIn(a);
  const ming = await (await Window.open()).signIn(m);
  const bob = await (await Window.open()).signIn(b);
  const carol = await (await Window.open()).signIn(c);
  await alice.startWith(group, "group");
  await ming.startWith(group, "group");
  await alice.say("第一条");
  await ming.hears("第一条");

  await bob.startWith(group, "group");
  await alice.get("note").filter({ hasText: b }).waitFor();
  await alice.say("Welcome Bob");
  await bob.hears("Welcome Bob");
  await ming.hears("第一条", "Welcome Bob");

  await bob.startWith(a);
  await ming.say("one");
  await ming.say("two");
  await until(async () => (await bob.unread(group)) === "2", "two unread");
  await bob.pick(group);
  await bob.get("divider").waitFor();
  await bob.hears("Welcome Bob", "one", "two");
  await until(async () => (await bob.unread(group)) === "0", "all read");
  assert.deepEqual(await carol.get("conversation").count(), 0);

  await ming.get("leave").click();
  await ming.get("question-yes").click();
  await ming.row(group).waitFor({ state: "detached" });
  await alice.get("note").filter({ hasText: m }).filter({ hasText: "left" }).waitFor();
});

test("the server is killed and comes back: the page says so, and shows what was missed once and in order", async () => {
  const [a, m] = [someone("Alice"), someone("小明")];
  const alice = await (await Window.open()).signIn(a);
  const ming = await (await Window.open()).signIn(m);
  await alice.startWith(m);
  await alice.say("before");
  await ming.pick(a);
  await ming.hears("before");

  await server.kill();
  await alice.get("banner").waitFor();
  assert.match(await alice.get("banner-text").textContent(), /Connection lost/);
  await alice.say("written while away 1");
  await alice.say("written while away 2");
  assert.equal(await alice.fate("written while away 1"), "waiting");
  await ming.page.context().setOffline(true);
  await server.start();
  await alice.online(RECONNECT_PATIENCE_MS);
  await until(async () => (await alice.fate("written while away 2")) === "kept", "what was written goes out", RECONNECT_PATIENCE_MS);
  await alice.say("third");
  await ming.page.context().setOffline(false);
  await ming.online(RECONNECT_PATIENCE_MS);

  // First, because the banner stays for six seconds only.
  await until(async () => /Connected again. 3 new/.test(await ming.get("banner-text").textContent()), "what was missed is counted");
  await ming.hears("before", "written while away 1", "written while away 2", "third");
  await ming.get("divider").waitFor();
  assert.match(await ming.get("divider").textContent(), /away/);
  await alice.hears("before", "written while away 1", "written while away 2", "third");
  await ming.get("banner").waitFor({ state: "hidden" });
  await ming.say("and live again");
  await alice.hears("third", "and live again");
});

test("a message that was not sent yet survives a reload of the page", async () => {
  const [a, m] = [someone("Alice"), someone("小明")];
  const alice = await (await Window.open()).signIn(a);
  await alice.startWith(m);
  await alice.page.context().setOffline(true);
  await alice.say("stubborn");
  await alice.page.evaluate(() => window.dispatchEvent(new Event("pagehide")));
  await alice.page.context().setOffline(false);
  await alice.page.reload();
  await alice.online();
  await alice.shows(m);
  await alice.hears("stubborn");
  await until(async () => (await alice.fate("stubborn")) === "kept", "it is sent");
  assert.equal((await alice.texts()).length, 1);
});

test("a second login takes over, the first says why and can take it back", async () => {
  const [a, m] = [someone("Alice"), someone("小明")];
  const first = await (await Window.open()).signIn(a);
  await first.startWith(m);
  await first.say("from the first window");
  const phone = await (await Window.open()).signIn(a, "phone");
  await phone.pick(m);
  await phone.hears("from the first window");

  const second = await (await Window.open()).signIn(a);
  await first.get("ended").waitFor();
  assert.match(await first.get("ended-why").textContent(), new RegExp(`${a} on the same device`));
  await second.pick(m);
  await second.say("from the second window");
  await phone.hears("from the first window", "from the second window");

  await first.get("take-over").click();
  await second.get("ended").waitFor();
  await first.hears("from the first window", "from the second window");
  await first.say("back in the first");
  await phone.hears("from the second window", "back in the first");
});

test("history comes page by page while scrolling up, and what one reads stays where it is", async () => {
  const [a, m] = [someone("Alice"), someone("Mei")];
  for (let index = 1; index <= 170; index += 1) await server.post({ from: m, to: { user: a }, content: { text: `line ${index}`, name: m } });
  const alice = await (await Window.open()).signIn(a);
  assert.equal(await alice.unread(m), "170");
  await alice.pick(m);
  await until(async () => (await alice.texts()).at(-1) === "line 170", "the newest page");
  const timeline = alice.get("timeline");
  const first = alice.get("text").filter({ hasText: /^line 121$/ });
  await timeline.evaluate((element) => (element.scrollTop = 200));
  const top = await first.evaluate((element) => element.getBoundingClientRect().top);
  await until(async () => (await alice.texts()).includes("line 80"), "an older page");
  const moved = Math.abs((await first.evaluate((element) => element.getBoundingClientRect().top)) - top);
  assert.ok(moved < 3, `what was in view moved by ${moved} px`);

  await server.post({ from: m, to: { user: a }, content: { text: "line 171", name: m } });
  await until(async () => (await alice.texts()).includes("line 171"), "a new message below");
  assert.ok(Math.abs((await first.evaluate((element) => element.getBoundingClientRect().top)) - top) < 3);
  await alice.get("jump").click();
  await until(async () => (await alice.unread(m)) === "0", "all read at the end");
  for (let step = 0; step < 10 && !(await alice.texts()).includes("line 1"); step += 1) {
    await timeline.evaluate((element) => (element.scrollTop = 0));
    await alice.page.waitForTimeout(200);
  }
  assert.deepEqual(await alice.texts(), Array.from({ length: 171 }, (_, index) => `line ${index + 1}`));
});

test("everything can be done with the keyboard", async () => {
  const [a, m, b] = [someone("Alice"), someone("小明"), someone("Bob")];
  const alice = await Window.open();
  await alice.page.goto(server.page);
  await alice.page.keyboard.type(a);
  await alice.page.keyboard.press("Enter");
  await alice.online();
  for (const name of [m, b]) {
    await alice.page.keyboard.press("Control+k");
    await alice.get("new-name").waitFor();
    await alice.page.keyboard.insertText(name);
    await alice.page.keyboard.press("Enter");
    await alice.shows(name);
    await alice.page.keyboard.insertText(`to ${name}`);
    await alice.page.keyboard.press("Shift+Enter");
    await alice.page.keyboard.insertText("second line");
    await alice.page.keyboard.press("Enter");
    await alice.hears(`to ${name}\nsecond line`);
  }
  await alice.page.keyboard.press("Alt+ArrowDown");
  await alice.shows(m);
  await alice.page.keyboard.press("Escape");
  await alice.get("title").waitFor({ state: "hidden" });
  await alice.page.keyboard.press("ArrowDown");
  await alice.page.keyboard.press("Enter");
  await alice.shows(m);
  await alice.page.goBack();
  await alice.get("title").waitFor({ state: "hidden" });
});

test("what people write is text and nothing else", async () => {
  const [a, m] = [someone("Alice"), someone("<img src=x onerror=alert(1)>")];
  const alice = await (await Window.open()).signIn(a);
  const eve = await (await Window.open()).signIn(m);
  const evil = "<script>document.title='owned'</script><b>bold</b> https://example.com/\"onclick=x";
  await eve.startWith(a);
  await eve.say(evil);
  await eve.say("x".repeat(3_000));
  await alice.row(m.replace(/[()]/g, "\\$&")).getByRole("button").click();
  await alice.hears(evil, "x".repeat(3_000));
  assert.equal(await alice.page.locator(".main b, .main script, .main img[src=x]").count(), 0);
  assert.doesNotMatch(await alice.page.title(), /owned/);
  const width = await alice.get("timeline").evaluate((element) => element.scrollWidth - element.clientWidth);
  assert.ok(width <= 0, "long words do not widen the page");
  const policy = await alice.page.evaluate(() => {
    const script = document.createElement("script");
    script.textContent = "window.inlineRan = true";
    try {
      document.head.append(script);
    } catch {
      // Refused by trusted types: as good.
    }
    return window.inlineRan === true;
  }).catch(() => false);
  assert.equal(policy, false, "inline scripts do not run");
  faults = faults.filter((line) => !/Content Security Policy|TrustedScript/.test(line));
});

test("on a phone the list and the conversation are two views, in the dark too", async () => {
  const [a, m] = [someone("Alice"), someone("小明")];
  await server.post({ from: m, to: { user: a }, content: { text: "晚上好", name: m } }).catch(() => {});
  const phone = await (await Window.open({ viewport: { width: 390, height: 780 }, isMobile: true, hasTouch: true, colorScheme: "dark" })).signIn(a);
  const background = await phone.page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const [red] = background.match(/\d+/g).map(Number);
  assert.ok(red < 60, `dark: ${background}`);
  await phone.startWith(m);
  assert.equal(await phone.get("conversations").isVisible(), false);
  await phone.get("composer").fill("good evening");
  await phone.get("send").click();
  await phone.hears("good evening");
  await phone.get("back").click();
  assert.equal(await phone.get("conversations").isVisible(), true);
  assert.equal(await phone.get("composer").isVisible(), false);
  const tooWide = await phone.page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
  assert.equal(tooWide, false);
  assert.ok((await phone.page.screenshot()).length > 5_000);
});

test("where the server keeps nothing the page says so, and people still talk", async () => {
  const keeper = server;
  server = await TrunklineUp.start(["--store", "none"]);
  try {
    const [a, m] = [someone("Alice"), someone("小明")];
    const group = someone("项目组");
    const alice = await (await Window.open()).signIn(a);
    await alice.startWith(m);
    await alice.page.getByText("keeps no messages").waitFor();
    await alice.say("anybody there?");
    await alice.get("fault").waitFor();
    assert.match(await alice.get("fault").textContent(), new RegExp(`${m} is not here`));

    const ming = await (await Window.open()).signIn(m);
    await alice.get("resend").click();
    await ming.pick(a);
    await ming.hears("anybody there?");
    await ming.say("在的");
    await alice.hears("anybody there?", "在的");
    for (const window of [alice, ming]) await window.startWith(group, "group");
    await alice.say("一");
    await ming.say("二");
    await alice.hears("一", "二");
  } finally {
    for (const window of windows) await window.context.close();
    windows = [];
    await server.stop();
    server = keeper;
  }
});

test("a picture for the README", { skip: process.env.UPDATE_SCREENSHOT !== "1" && "only with UPDATE_SCREENSHOT=1" }, async () => {
  const alice = await (await Window.open({ deviceScaleFactor: 2 })).signIn("Alice");
  const ming = await (await Window.open()).signIn("小明");
  const bob = await (await Window.open()).signIn("Bob Marley");
  for (const window of [alice, ming, bob]) await window.startWith("项目组", "group");
  await ming.say("早上好！今天发布新版本。");
  await alice.say("Good morning! Which nodes are you on?");
  const node = (await bob.get("where").textContent()).replace("on ", "");
  await bob.say(`On ${node}, behind the same gateway.`);
  await ming.say("我在另一个节点上，消息一样有序，不重，不丢。");
  await alice.say("And after the restart everything was still there.");
  await bob.hears("And after the restart everything was still there.");
  await bob.startWith("Alice");
  await bob.say("Lunch at twelve?");
  await bob.say("The usual place.");
  await ming.startWith("Alice");
  await ming.say("文档已经更新了");
  await until(async () => (await alice.unread("小明")) === "1" && (await alice.unread("Bob Marley")) === "2", "the unread counts");
  await alice.say("Great, thank you both.");
  await bob.pick("项目组");
  await until(async () => (await alice.fate("Great")) === "read", "a read mark");
  await bob.get("composer").pressSequentially("…");
  await until(async () => (await alice.get("typing").textContent()) !== "", "somebody is typing");
  await mkdir(new URL(".", `file://${SCREENSHOT}`), { recursive: true });
  await alice.page.screenshot({ path: SCREENSHOT });
});
