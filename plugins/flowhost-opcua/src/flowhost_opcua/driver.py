"""The one place that imports the OPC UA driver. Elsewhere its names are used as `ua.Name`."""

from __future__ import annotations

import uuid

from asyncua.client.client import Client
from asyncua.client.ua_client import UaClient, UaClientState
from asyncua.client.ua_session import UaSession
from asyncua.crypto import cert_gen
from asyncua.crypto.security_policies import (
    SecurityPolicy,
    SecurityPolicyAes128Sha256RsaOaep,
    SecurityPolicyAes256Sha256RsaPss,
    SecurityPolicyBasic256Sha256,
    SecurityPolicyNone,
)
from asyncua.crypto.uacrypto import CertProperties
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes, get_name_and_doc
from asyncua.ua.uaerrors._auto import BadNoSubscription, BadTimeout, BadTooManyPublishRequests
from asyncua.ua.uaerrors._base import UaError, UaStatusCodeError, UaStructParsingError
from asyncua.ua.uaprotocol_auto import (
    BrowseDescription,
    BrowseNextParameters,
    BrowseParameters,
    BrowseResultMask,
    CreateMonitoredItemsParameters,
    CreateSubscriptionParameters,
    CreateSubscriptionResult,
    DataChangeFilter,
    DataChangeNotification,
    DataChangeTrigger,
    DeadbandType,
    EndpointDescription,
    EUInformation,
    MessageSecurityMode,
    MonitoredItemCreateRequest,
    MonitoredItemCreateResult,
    MonitoredItemNotification,
    MonitoringMode,
    NodeClass,
    NotificationMessage,
    PublishResponse,
    PublishResult,
    ReadValueId,
    ReferenceDescription,
    ServerState,
    SetPublishingModeParameters,
    StatusChangeNotification,
    SubscriptionAcknowledgement,
    TimestampsToReturn,
    UserTokenType,
)
from asyncua.ua.uaprotocol_hand import XmlElement
from asyncua.ua.uatypes import (
    DataValue,
    ExpandedNodeId,
    ExtensionObject,
    LocalizedText,
    NodeId,
    NodeIdType,
    QualifiedName,
    StatusCode,
    Variant,
    VariantType,
)

_KINDS = {"i": NodeIdType.Numeric, "s": NodeIdType.String, "g": NodeIdType.Guid, "b": NodeIdType.ByteString}


def node_id(identifier: int | str | uuid.UUID | bytes, index: int = 0, kind: str = "i") -> NodeId:
    """A node id; the driver's own types say Int32 where it takes plain numbers."""
    return NodeId(identifier, index, _KINDS[kind])  # type: ignore[arg-type]


__all__ = [
    "AttributeIds",
    "BadNoSubscription",
    "BadTimeout",
    "BadTooManyPublishRequests",
    "BrowseDescription",
    "BrowseNextParameters",
    "BrowseParameters",
    "BrowseResultMask",
    "CertProperties",
    "Client",
    "CreateMonitoredItemsParameters",
    "CreateSubscriptionParameters",
    "CreateSubscriptionResult",
    "DataChangeFilter",
    "DataChangeNotification",
    "DataChangeTrigger",
    "DataValue",
    "DeadbandType",
    "EUInformation",
    "EndpointDescription",
    "ExpandedNodeId",
    "ExtensionObject",
    "LocalizedText",
    "MessageSecurityMode",
    "MonitoredItemCreateRequest",
    "MonitoredItemCreateResult",
    "MonitoredItemNotification",
    "MonitoringMode",
    "NodeClass",
    "NodeId",
    "NodeIdType",
    "NotificationMessage",
    "ObjectIds",
    "PublishResponse",
    "PublishResult",
    "QualifiedName",
    "ReadValueId",
    "ReferenceDescription",
    "SecurityPolicy",
    "SecurityPolicyAes128Sha256RsaOaep",
    "SecurityPolicyAes256Sha256RsaPss",
    "SecurityPolicyBasic256Sha256",
    "SecurityPolicyNone",
    "ServerState",
    "SetPublishingModeParameters",
    "StatusChangeNotification",
    "StatusCode",
    "StatusCodes",
    "SubscriptionAcknowledgement",
    "TimestampsToReturn",
    "UaClient",
    "UaClientState",
    "UaError",
    "UaSession",
    "UaStatusCodeError",
    "UaStructParsingError",
    "UserTokenType",
    "Variant",
    "VariantType",
    "XmlElement",
    "cert_gen",
    "get_name_and_doc",
    "node_id",
]
