export { default } from "flowhost-graph";
