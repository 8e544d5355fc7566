"""MQTT for FlowHost: connection `mqtt.broker`, nodes `mqtt.subscribe` and `mqtt.publish`."""
