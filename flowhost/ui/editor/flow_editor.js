export { default } from "flowhost-editor";
