// The built site, in a browser where there is one (CHROMIUM names another): npm test, after npm run build.
import assert from "node:assert/strict";
import fs from "node:fs";
import http from "node:http";
import os from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { chromium } from "playwright-core";
import { deadAnchors } from "./.vitepress/anchors.mjs";
import { slugify } from "./.vitepress/markdown.mjs";
import { docs, languages } from "./.vitepress/pages.mjs";
import { typedIn } from "./.vitepress/session.mjs";
import { target } from "./.vitepress/sources.mjs";

const site = path.resolve(docs, "../build/site");
const types = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };
const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const places = process.env.PATH.split(":").flatMap((folder) => names.map((name) => path.join(folder, name)));
const executablePath = process.env.CHROMIUM ?? places.find((place) => fs.existsSync(place));

const pages = ["index.html", ...languages.flatMap((language) => fs.readdirSync(path.join(site, language))
  .filter((file) => file.endsWith(".html")).map((file) => `${language}/${file}`))];
const source = "en/source/stages/05_zero_copy/send_file.cpp.html";

function serve(request, response) {
  const wanted = path.join(site, decodeURIComponent(request.url.split("?")[0]).replace(/\/$/, "/index.html"));
  if (!fs.existsSync(wanted)) return response.writeHead(404).end();
  response.writeHead(200, { "content-type": types[path.extname(wanted)] ?? "application/octet-stream" });
  fs.createReadStream(wanted).pipe(response);
}

test("anchors are GitHub's, in any writing", () => {
  assert.equal(slugify("Step 1: `recv`'s bound, and _why_"), "step-1-recvs-bound-and-_why_");
  assert.equal(slugify("你看到的数字，会不一样 (1)？"), "你看到的数字会不一样-1");
});

test("a link leads to a page, to the page of that file, or says the folder; a dead one ends the build", () => {
  assert.deepEqual(target("README.md#grading", "en/stage-01.md"), { url: "/en/index.md#grading" });
  assert.deepEqual(target("https://a.test/b.md", "en/stage-01.md"), { url: "https://a.test/b.md" });
  assert.equal(target("../../lab", "zh-CN/index.md").url, "/zh-CN/source/lab.md");
  assert.equal(target("../docs/en/wire.md", "en/source/stages/README.md").url, "/en/wire.md");
  assert.deepEqual(target("../sessions/", "en/index.md"), { folder: "docs/sessions" });
  assert.throws(() => target("../../none.cpp", "en/index.md"), /docs\/en\/README.md: a dead link: ..\/..\/none.cpp/);
});

test("of a session it is known what was typed, here-documents and loops too", () => {
  const document = ["$ cat > a.txt <<'END'", "$ 1", "END", "said"];
  assert.deepEqual(typedIn(document).map(([, typed]) => typed), ["cat > a.txt <<'END'", "$ 1", "END", undefined]);
  const loop = ["$ for n in 1 2; do", "  echo $n", "done | cat", "1", "(gdb) next  # once"];
  const typed = ["for n in 1 2; do", "  echo $n", "done | cat", undefined, "next"];
  assert.deepEqual(typedIn(loop).map(([, each]) => each), typed);
});

test("no mark of Markdown is left over: bold Chinese ends before a blank, or its points stay outside", () => {
  for (const page of pages) {
    const text = fs.readFileSync(path.join(site, page), "utf8").replace(/<(code|script|pre)[^>]*>.*?<\/\1>/gs, "");
    assert.doesNotMatch(text, /.{0,20}\*\*.{0,20}/, page);
  }
});

test("an anchor that is no heading's is found", () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "site-"));
  const link = (to) => `<a class="x" href="${to}">`;
  const [here, absolute, dead] = ["#半包", "/kit/#%E5%8D%8A%E5%8C%85", "./#b"].map(link);
  const page = `<h2 id="半包">半包</h2>${here}${absolute}${dead}`;
  fs.writeFileSync(path.join(folder, "index.html"), page);
  assert.deepEqual(deadAnchors(folder, "/kit/"), ["index.html: ./#b"]);
  fs.rmSync(folder, { recursive: true });
});

test("previous and next are those of the page's own last line, which the site leaves out", () => {
  for (const page of pages.filter((each) => /stage-\d+/.test(each))) {
    const lines = fs.readFileSync(path.join(docs, page.replace(".html", ".md")), "utf8").trim().split("\n");
    const built = fs.readFileSync(path.join(site, page), "utf8");
    const turns = [...lines.at(-1).matchAll(/\[[^\]]*[←→][^\]]*\]\((.*?)\.md\)/g)];
    for (const [text, to] of turns) {
      const which = text.includes("←") ? "prev" : "next";
      assert.match(built, new RegExp(`pager-link ${which}" href="/[^"]*/${to}\\.html"`), page);
    }
    assert.ok(!built.includes(">All pages<") && !built.includes(">全部页面<"), page);
  }
});

describe("in a browser", { skip: !executablePath && "there is no Chromium on this machine" }, () => {
  let browser, server, origin;

  before(async () => {
    server = http.createServer(serve);
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    origin = `http://127.0.0.1:${server.address().port}/`;
    browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  });
  after(async () => {
    await browser?.close();
    server.close();
  });

  async function open(address, options = {}) {
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options });
    context.setDefaultTimeout(120_000);
    const page = await context.newPage();
    const said = [];
    page.on("console", (message) => ["error", "warning"].includes(message.type()) && said.push(message.text()));
    page.on("pageerror", (error) => said.push(error.message));
    page.on("request", (request) => isInside(request.url()) || said.push(request.url()));
    await page.goto(origin + address);
    return { context, page, said };
  }

  const isInside = (url) => url.startsWith(origin) || /^(data|blob):/.test(url);
  const results = ".VPLocalSearchBox .result";

  // Until the first result shows that. Results come first, in an order that may still change, and what they show of their
  // pages later.
  async function search(page, words, shown) {
    await page.locator(".VPNavBarSearch button").click();
    await page.locator("#localsearch-input").fill(words);
    const isThere = ([first, text]) => document.querySelector(first)?.textContent.includes(text);
    await page.waitForFunction(isThere, [results, shown]);
  }

  test("no page is wider than a phone, asks anybody else, or complains", async () => {
    const { context, page, said } = await open("", { viewport: { width: 390, height: 844 }, colorScheme: "dark" });
    for (const each of [...pages, source]) {
      await page.goto(origin + each);
      await page.waitForFunction(() => !document.querySelector("pre.diagram"));
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 390, each);
      assert.deepEqual(said, [], each);
    }
    await context.close();
  });

  for (const words of ["僵尸进程", "尸进", "僵"]) {
    test(`search finds ${words}`, async () => {
      const { context, page, said } = await open("zh-CN/");
      await search(page, words, words);
      await page.locator(`${results} mark`).first().waitFor();
      await page.keyboard.press("Enter");
      await page.waitForURL(/\/zh-CN\/[\w-]+\.html/);
      await page.locator(".vp-doc", { hasText: words }).waitFor();
      assert.deepEqual(said, []);
      await context.close();
    });
  }

  test("search finds names of calls, and all words of a query", async () => {
    const { context, page } = await open("en/");
    await search(page, "MSG_WAITALL guarantee", "MSG_WAITALL");
    await context.close();
  });

  test("the language switch stays on the page", async () => {
    const { context, page } = await open("en/stage-02.html");
    await page.locator(".VPNavBarTranslations button").hover();
    await page.locator(".VPNavBarTranslations a", { hasText: "简体中文" }).click();
    await page.waitForURL("**/zh-CN/stage-02.html");
    await page.locator("h1", { hasText: "阶段 02" }).waitFor();
    await context.close();
  });

  test("the root leads to both languages", async () => {
    const { context, page } = await open("");
    await page.locator(".VPHero a", { hasText: "简体中文" }).click();
    await page.waitForURL("**/zh-CN/");
    await page.goBack();
    await page.locator(".VPHero a", { hasText: "English" }).click();
    await page.waitForURL("**/en/");
    await context.close();
  });

  test("of a session the commands are copied, not what the programs said", async () => {
    const { context, page } = await open("en/stage-02.html", { permissions: ["clipboard-read", "clipboard-write"] });
    const block = page.locator(".language-console").first();
    await block.hover();
    await block.locator("button.copy").click();
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    assert.deepEqual(copied.split("\n"), await block.locator(".typed").allTextContents());
    assert.doesNotMatch(copied, /^\$|listening on/m);
    await context.close();
  });
});
