// The pages of files outside docs that a page links to: .vitepress/sources.mjs says which.
import { sourcePages } from "../.vitepress/sources.mjs";

export default { paths: sourcePages };
