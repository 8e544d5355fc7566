// An OPC UA server that is not asyncua: node server.js '{"port": 4840}'. Prints "ready" when it serves.
"use strict";
const path = require("path");
const modules = process.env.NODE_PATH;
const load = (name) => require(path.join(modules, name));
const { OPCUAServer } = load("node-opcua-server");
const { OPCUACertificateManager } = load("node-opcua-certificate-manager");
const { nodesets } = load("node-opcua-nodesets");
const { Variant, DataType } = load("node-opcua-variant");
const { StatusCodes } = load("node-opcua-status-code");
const { MessageSecurityMode, SecurityPolicy } = load("node-opcua-secure-channel");

const options = JSON.parse(process.argv[2]);

async function main() {
  const certificates = new OPCUACertificateManager({ rootFolder: options.pki, automaticallyAcceptUnknownCertificate: true });
  const server = new OPCUAServer({
    port: options.port,
    hostname: options.advertised_host,
    nodeset_filename: [nodesets.standard],
    serverCertificateManager: certificates,
    userCertificateManager: certificates,
    securityModes: [MessageSecurityMode.None, MessageSecurityMode.SignAndEncrypt],
    securityPolicies: [SecurityPolicy.None, SecurityPolicy.Basic256Sha256],
    allowAnonymous: !options.users,
    userManager: { isValidUser: (name, password) => name === "operator" && password === "right" },
    buildInfo: { productName: "Other plant", buildNumber: "1" },
    serverCapabilities: { operationLimits: { maxMonitoredItemsPerCall: 7 } },
  });
  await server.initialize();
  const namespace = server.engine.addressSpace.registerNamespace("http://flowhost.test/line");
  const folder = namespace.addFolder("ObjectsFolder", { browseName: "Line1", nodeId: "s=Line1" });
  const variable = (name, dataType, value) => {
    const node = namespace.addVariable({
      componentOf: folder, browseName: name, nodeId: "s=" + name, dataType, minimumSamplingInterval: 10,
    });
    node.setValueFromSource({ dataType, value });
    return node;
  };
  const counter = variable("Line1.Counter", "Int32", 0);
  const speed = variable("Line1.Speed", "Double", 100.0);
  variable("Line1.State", "String", "RUN");
  for (let i = 0; i < 20; i++) variable("Tag" + i, "Double", i);
  let number = options.first || 0;
  setInterval(() => counter.setValueFromSource({ dataType: "Int32", value: ++number }), options.period_ms || 20);
  await server.start();
  process.stdout.write("ready\n");
  require("readline").createInterface({ input: process.stdin }).on("line", (line) => {
    const command = JSON.parse(line);
    if (command.bad) speed.setValueFromSource({ dataType: "Double", value: 77.0 }, StatusCodes.BadSensorFailure);
    if (command.set) speed.setValueFromSource({ dataType: "Double", value: command.value });
    process.stdout.write("done\n");
  });
}

main().catch((error) => { process.stderr.write(String(error && error.stack) + "\n"); process.exit(1); });
