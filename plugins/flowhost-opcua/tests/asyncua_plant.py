"""A small OPC UA server for the tests, run as a process of its own: `python asyncua_plant.py '{"port": 4840}'`.

Prints `ready` when it serves. Reads one JSON command per line: {"set": name, "value": v}, {"bad": name}, {"add": name}.
"""

import asyncio
import json
import logging
import sys
from datetime import UTC, datetime
from pathlib import Path

from asyncua import Server, ua
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.server.user_managers import UserManager

URI = "http://flowhost.test/line"


class Users(UserManager):
    def __init__(self, password):
        self.password = password

    def get_user(self, iserver, username=None, password=None, certificate=None):
        if username == "operator" and password == self.password:
            return User(role=UserRole.User, name=username)
        return None


class Plant:
    def __init__(self, options):
        self.options = options
        self.nodes = {}

    async def start(self):
        self.server = Server(user_manager=Users(self.options["users"]) if self.options.get("users") else None)
        await self.server.init()
        self.server.set_endpoint(f"opc.tcp://127.0.0.1:{self.options['port']}")
        self.server.set_server_name("Test plant")
        if self.options.get("users"):
            self.server.set_identity_tokens([ua.UserNameIdentityToken])
        await self.secure()
        if self.options.get("extra_namespace"):
            await self.server.register_namespace("http://flowhost.test/other")
        self.index = await self.server.register_namespace(URI)
        self.folder = await self.server.nodes.objects.add_folder(ua.NodeId("Line1", self.index), "Line1")
        await self.add("Line1.Counter", 0, ua.VariantType.Int64)
        await self.add("Line1.Speed", 100.0, ua.VariantType.Double)
        for number in range(self.options.get("items", 0)):
            await self.add(f"Tag{number}", float(number), ua.VariantType.Double)
        for path, unit in self.options.get("analog", {}).items():
            await self.add_analog(path, unit)
        await self.server.start()
        if name := self.options.get("advertised_host"):
            for endpoint in self.server.iserver.endpoints:
                endpoint.EndpointUrl = f"opc.tcp://{name}:{self.options['port']}"

    async def secure(self):
        if not self.options.get("pki"):
            self.server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
            return
        from asyncua.crypto.cert_gen import setup_self_signed_certificate
        from asyncua.crypto.truststore import TrustStore
        from asyncua.crypto.validator import CertificateValidator, CertificateValidatorOptions
        from cryptography.x509.oid import ExtendedKeyUsageOID

        pki = Path(self.options["pki"])
        pki.mkdir(exist_ok=True)
        uri = "urn:flowhost.test:plant"
        await self.server.set_application_uri(uri)
        await setup_self_signed_certificate(
            pki / "key.pem", pki / "cert.der", uri, "localhost", [ExtendedKeyUsageOID.SERVER_AUTH], {}
        )
        await self.server.load_certificate(str(pki / "cert.der"))
        await self.server.load_private_key(str(pki / "key.pem"))
        self.server.set_security_policy(
            [
                ua.SecurityPolicyType.NoSecurity,
                ua.SecurityPolicyType.Basic256Sha256_Sign,
                ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt,
                ua.SecurityPolicyType.Aes256Sha256RsaPss_SignAndEncrypt,
            ]
        )
        if trusted := self.options.get("trusted_clients"):
            store = TrustStore([Path(trusted)], [])
            await store.load()
            self.server.set_certificate_validator(
                CertificateValidator(
                    CertificateValidatorOptions.TRUSTED_VALIDATION | CertificateValidatorOptions.PEER_CLIENT, store
                )
            )

    async def add(self, name, value, kind=None):
        node = await self.folder.add_variable(ua.NodeId(name, self.index), name, value, varianttype=kind)
        await node.set_writable()
        self.nodes[name] = node

    async def add_analog(self, path, unit):
        """A temperature with range and unit, in folders of its own."""
        folder, way = self.server.nodes.objects, ""
        for name in path.split("/"):
            way += f"/{name}"
            known = [await one.read_browse_name() for one in await folder.get_children()]
            wanted = ua.QualifiedName(name, self.index)
            if wanted in known:
                folder = await folder.get_child(wanted)
            elif way == "/Line1":
                folder = self.folder
            else:
                folder = await folder.add_folder(ua.NodeId(way, self.index), wanted)
        tag = await folder.add_variable(
            ua.NodeId(f"{way}/T", self.index), ua.QualifiedName("Temperature", self.index), 1.0
        )
        said = ua.EUInformation(UnitId=int.from_bytes(unit.encode(), "big"))
        await tag.add_property(self.index, "EngineeringUnits", said)
        await tag.add_property(self.index, "EURange", ua.Range(Low=0.0, High=100.0))

    async def count(self):
        number = self.options.get("first", 0)
        while True:
            now = datetime.now(UTC)
            value = ua.DataValue(ua.Variant(number, ua.VariantType.Int64), SourceTimestamp=now, ServerTimestamp=now)
            await self.nodes["Line1.Counter"].write_value(value)
            number += 1
            await asyncio.sleep(self.options.get("period_s", 0.05))

    async def churn(self):
        """All tags change together."""
        number = 0.0
        while self.options.get("churn_s"):
            number += 1
            for name, node in self.nodes.items():
                if name.startswith("Tag"):
                    await self.server.write_attribute_value(node.nodeid, ua.DataValue(ua.Variant(number)))
            await asyncio.sleep(self.options["churn_s"])

    async def forget_subscriptions(self):
        """The server loses its subscriptions; the connection stays, no message is sent about it."""
        service = self.server.iserver.subscription_service
        for subscription in list(service.subscriptions.values()):
            await subscription.stop()
        service.subscriptions.clear()

    async def obey(self):
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := await reader.readline():
            command = json.loads(line)
            if "set" in command:
                await self.nodes[command["set"]].write_value(command["value"])
            elif "bad" in command:
                bad = ua.DataValue(ua.Variant(77.0), StatusCode=ua.StatusCode(ua.StatusCodes.BadSensorFailure))
                await self.server.write_attribute_value(self.nodes[command["bad"]].nodeid, bad)
            elif "forget" in command:
                await self.forget_subscriptions()
            elif "add" in command:
                await self.add(command["add"], 1.0)
            print("done", flush=True)


async def main():
    logging.disable(logging.CRITICAL)
    plant = Plant(json.loads(sys.argv[1]))
    await plant.start()
    print("ready", flush=True)
    await asyncio.gather(plant.count(), plant.churn(), plant.obey())


asyncio.run(main())
