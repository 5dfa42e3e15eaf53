// Search in the page itself, no service. Chinese has no blanks between words: it is cut into pairs of characters, so
// that any part of two characters or more is found, and one character as the beginning of a pair. (The last one of a
// text has no pair.) The browser gets both functions as text: each must stand alone.
function tokenize(text) {
  const words = text.match(/\p{Script=Han}+|[^\p{Script=Han}\p{Z}\p{P}\p{S}\p{Cc}]+/gu) ?? [];
  return words.flatMap((word) => {
    if (!/\p{Script=Han}/u.test(word)) return [word];
    const signs = [...word];
    return signs.map((sign, at) => sign + (signs[at + 1] ?? ""));
  });
}

function tokenizeQuery(text) {
  const words = text.match(/\p{Script=Han}+|[^\p{Script=Han}\p{Z}\p{P}\p{S}\p{Cc}]+/gu) ?? [];
  return words.flatMap((word) => {
    const signs = [...word];
    if (!/\p{Script=Han}/u.test(word) || signs.length === 1) return [word];
    return signs.slice(1).map((sign, at) => signs[at] + sign);
  });
}

const chinese = {
  button: { buttonText: "搜索", buttonAriaLabel: "搜索" },
  modal: {
    displayDetails: "显示详情",
    resetButtonTitle: "清除",
    backButtonTitle: "关闭",
    noResultsText: "没有找到",
    footer: { selectText: "打开", navigateText: "切换", closeText: "关闭" },
  },
};

export const search = {
  provider: "local",
  options: {
    detailedView: true,
    locales: { "zh-CN": { translations: chinese } },
    miniSearch: {
      options: { tokenize },
      searchOptions: {
        tokenize: tokenizeQuery,
        combineWith: "AND",
        fuzzy: 0.2,
        prefix: true,
        boost: { title: 4, text: 2, titles: 1 },
      },
    },
  },
};
