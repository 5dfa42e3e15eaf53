import DefaultTheme from "vitepress/theme";
import Diagram from "./Diagram.vue";
import { copyOnlyCommands } from "./console.js";
import "./style.css";

export default {
  extends: DefaultTheme,
  enhanceApp({ app }) {
    app.component("Diagram", Diagram);
    copyOnlyCommands();
  },
};
