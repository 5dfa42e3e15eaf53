import fs from "node:fs";
import path from "node:path";
import { defineConfig } from "vitepress";
import { deadAnchors } from "./anchors.mjs";
import { repository, slugify } from "./markdown.mjs";
import { docs, sidebar } from "./pages.mjs";
import { session } from "./session.mjs";
import { search } from "./search.mjs";

const icon = "data:image/svg+xml," + encodeURIComponent(
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100"><text y=".9em" font-size="90">🚂</text></svg>');

const english = {
  label: "English",
  lang: "en",
  description: "A file server in six stages: network programming on Linux, with every failure shown and cured",
  themeConfig: { sidebar: sidebar("en"), outline: { level: [2, 3], label: "On this page" } },
};

const chinese = {
  label: "简体中文",
  lang: "zh-CN",
  description: "分六个阶段写一个文件服务器：Linux 网络编程，每一种失败都看得见、都能解决",
  themeConfig: {
    sidebar: sidebar("zh-CN"),
    outline: { level: [2, 3], label: "本页内容" },
    docFooter: { prev: "上一页", next: "下一页" },
    darkModeSwitchLabel: "外观",
    lightModeSwitchTitle: "切换到浅色",
    darkModeSwitchTitle: "切换到深色",
    sidebarMenuLabel: "目录",
    returnToTopLabel: "回到顶部",
    langMenuLabel: "语言",
    skipToContentLabel: "跳到正文",
    notFound: { title: "没有这一页", quote: "", linkText: "回到首页" },
  },
};

export default defineConfig({
  title: "Bytetrain",
  head: [["link", { rel: "icon", href: icon }]],
  outDir: "../build/site",
  cacheDir: "../build/site-cache",
  rewrites: (page) => page
    .replace(/^(en|zh-CN)\/README\.md$/, "$1/index.md")
    .replace(/^source\/(en|zh-CN)\//, "$1/source/"),
  locales: { en: english, "zh-CN": chinese },
  themeConfig: { search, externalLinkIcon: true },
  markdown: {
    theme: { light: "github-light", dark: "github-dark" },
    attrs: { disable: true },
    anchor: { slugify },
    codeTransformers: [session],
    config: repository,
  },
  vite: { build: { chunkSizeWarningLimit: 2000 }, publicDir: false },
  buildEnd: ({ outDir, site }) => {
    const dead = deadAnchors(outDir, site.base);
    if (dead.length) throw new Error(`dead anchors:\n${dead.join("\n")}`);
  },
});
