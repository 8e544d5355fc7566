export { default } from "flowhost-editor/linkpage.js";
